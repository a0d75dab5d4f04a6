// An application with sign-in, organizations and roles.
package main

import (
	"cmp"
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/scalekit-inc/scalekit-sdk-go/v2"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/commons"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/users"
)

type session struct {
	scalekit.AuthenticationResponse
	Claims    scalekit.Claims // of the access token
	Refreshes int
}

type view struct {
	Message, Organization string
	User                  *users.User
	Memberships           []*commons.OrganizationMembership
	Claims                scalekit.Claims
	Refreshes             int
}

//go:embed page.html style.css
var files embed.FS
var page = template.Must(template.New("page.html").Funcs(template.FuncMap{"text": text}).ParseFS(files, "page.html"))
var appURL = cmp.Or(os.Getenv("APP_URL"), "http://localhost:8000")
var sdk = scalekit.NewScalekitClient(os.Getenv("SCALEKIT_ENVIRONMENT_URL"),
			os.Getenv("SCALEKIT_CLIENT_ID"), os.Getenv("SCALEKIT_CLIENT_SECRET"))
var sessions sync.Map // by the cookie `session`; store yours in a database

// text returns a claim as a string, with the elements of a list separated by commas.
func text(claim any) string {
	var parts []string
	list, isList := claim.([]any)
	if !isList {
		list = []any{claim}
	}
	for _, each := range list {
		if number, ok := each.(float64); ok {
			each = int64(number)
		}
		parts = append(parts, fmt.Sprint(each))
	}
	return strings.Join(parts, ", ")
}

func show(w http.ResponseWriter, status int, v view) {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = page.Execute(w, v)
}

func cookie(r *http.Request, name string) string {
	return append(r.CookiesNamed(name), &http.Cookie{})[0].Value
}

func setCookie(w http.ResponseWriter, name, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(appURL, "https:")})
}

func home(w http.ResponseWriter, r *http.Request) {
	found, _ := sessions.Load(cookie(r, "session"))
	s, signedIn := found.(session)
	if !signedIn {
		show(w, http.StatusOK, view{})
		return
	}
	answer, err := sdk.User().GetUser(r.Context(), s.User.Id)
	if err != nil {
		show(w, http.StatusBadGateway, view{Message: err.Error()})
		return
	}
	v := view{User: answer.User, Claims: s.Claims, Refreshes: s.Refreshes}
	for _, each := range answer.User.Memberships {
		if each.MembershipStatus == commons.MembershipStatus_ACTIVE {
			v.Memberships = append(v.Memberships, each)
		}
		if each.OrganizationId == s.Claims["oid"] {
			v.Organization = each.GetDisplayName()
		}
	}
	show(w, http.StatusOK, v)
}

func login(w http.ResponseWriter, r *http.Request) {
	pkce, _ := sdk.GeneratePKCEConfiguration(scalekit.PKCEOptions{})
	state := rand.Text()
	target, _ := sdk.GetAuthorizationUrl(appURL+"/callback", scalekit.AuthorizationUrlOptions{
		State: state, Scopes: []string{"openid", "profile", "email", "offline_access"}, Prompt: r.FormValue("prompt"),
		OrganizationId: r.FormValue("organization_id"), LoginHint: r.FormValue("login_hint"),
		CodeChallenge: pkce.CodeChallenge, CodeChallengeMethod: pkce.CodeChallengeMethod})
	setCookie(w, "sign_in", state+"|"+pkce.CodeVerifier, 3600)
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

func callback(w http.ResponseWriter, r *http.Request) {
	state, verifier, _ := strings.Cut(cookie(r, "sign_in"), "|")
	if state == "" || state != r.FormValue("state") {
		show(w, http.StatusBadRequest, view{Message: "This sign-in was not started in this browser."})
		return
	}
	result, err := sdk.AuthenticateWithCode(r.Context(), r.FormValue("code"), appURL+"/callback",
		scalekit.AuthenticationOptions{CodeVerifier: verifier})
	if err != nil {
		show(w, http.StatusForbidden, view{Message: cmp.Or(r.FormValue("error_description"), "Sign in again.")})
		return
	}
	claims, err := sdk.ValidateToken(r.Context(), result.AccessToken)
	if err != nil {
		show(w, http.StatusForbidden, view{Message: "Sign in again."})
		return
	}
	key := rand.Text() // a new one for each sign-in
	sessions.Delete(cookie(r, "session"))
	sessions.Store(key, session{*result, claims, 0})
	setCookie(w, "session", key, 0)
	setCookie(w, "sign_in", "", -1)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func refresh(w http.ResponseWriter, r *http.Request) {
	found, _ := sessions.LoadAndDelete(cookie(r, "session"))
	s, _ := found.(session)
	if tokens, err := sdk.RefreshAccessToken(r.Context(), s.RefreshToken); err == nil {
		if claims, err := sdk.ValidateToken(r.Context(), tokens.AccessToken); err == nil {
			s.RefreshToken, s.Claims, s.Refreshes = tokens.RefreshToken, claims, s.Refreshes+1
			sessions.Store(cookie(r, "session"), s)
		}
	} // otherwise the session has ended at Tenantry
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func logout(w http.ResponseWriter, r *http.Request) {
	found, _ := sessions.LoadAndDelete(cookie(r, "session"))
	s, _ := found.(session)
	target, _ := sdk.GetLogoutUrl(scalekit.LogoutUrlOptions{IdTokenHint: s.IdToken, PostLogoutRedirectUri: appURL + "/"})
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

func main() {
	http.HandleFunc("GET /{$}", home)
	http.Handle("GET /style.css", http.FileServerFS(files))
	http.HandleFunc("GET /login", login)
	http.HandleFunc("GET /callback", callback)
	http.HandleFunc("POST /refresh", refresh)
	http.HandleFunc("POST /logout", logout)
	panic(http.ListenAndServe("127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "8000"), nil))
}
