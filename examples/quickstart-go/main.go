// An application that people sign in to, each within an organization.
package main

import (
	"cmp"
	"crypto/rand"
	"html/template"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/scalekit-inc/scalekit-sdk-go/v2"
)

type session struct {
	scalekit.AuthenticationResponse
	Organization string
	Refreshes    int
}

var appURL = cmp.Or(os.Getenv("APP_URL"), "http://localhost:8000")
var sdk = scalekit.NewScalekitClient(os.Getenv("SCALEKIT_ENVIRONMENT_URL"),
	os.Getenv("SCALEKIT_CLIENT_ID"), os.Getenv("SCALEKIT_CLIENT_SECRET"))
var page = template.Must(template.ParseFiles("page.html"))
var sessions sync.Map // by the cookie `session`; yours belong into a database

func cookie(r *http.Request, name string) string {
	return append(r.CookiesNamed(name), &http.Cookie{})[0].Value
}

func setCookie(w http.ResponseWriter, name, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(appURL, "https:")})
}

func home(w http.ResponseWriter, r *http.Request) {
	s, _ := sessions.Load(cookie(r, "session"))
	w.Header().Set("Cache-Control", "no-store")
	_ = page.Execute(w, s)
}

func login(w http.ResponseWriter, r *http.Request) {
	pkce, _ := sdk.GeneratePKCEConfiguration(scalekit.PKCEOptions{})
	state := rand.Text()
	target, _ := sdk.GetAuthorizationUrl(appURL+"/callback", scalekit.AuthorizationUrlOptions{
		State: state, Scopes: []string{"openid", "profile", "email", "offline_access"}, Prompt: r.FormValue("prompt"),
		CodeChallenge: pkce.CodeChallenge, CodeChallengeMethod: pkce.CodeChallengeMethod})
	setCookie(w, "sign_in", state+"|"+pkce.CodeVerifier, 3600)
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

func callback(w http.ResponseWriter, r *http.Request) {
	state, verifier, _ := strings.Cut(cookie(r, "sign_in"), "|")
	if state == "" || state != r.FormValue("state") {
		http.Error(w, "This sign-in did not begin here.", http.StatusBadRequest)
		return
	}
	result, err := sdk.AuthenticateWithCode(r.Context(), r.FormValue("code"), appURL+"/callback",
		scalekit.AuthenticationOptions{CodeVerifier: verifier})
	if err != nil {
		http.Error(w, cmp.Or(r.FormValue("error_description"), "Sign in again."), http.StatusForbidden)
		return
	}
	id, key := result.User.Claims["oid"].(string), rand.Text() // another key with each sign-in
	if answer, err := sdk.Organization().GetOrganization(r.Context(), id); err == nil {
		sessions.Delete(cookie(r, "session"))
		sessions.Store(key, session{*result, answer.Organization.DisplayName, 0})
		setCookie(w, "session", key, 0)
	}
	setCookie(w, "sign_in", "", -1)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func refresh(w http.ResponseWriter, r *http.Request) {
	found, _ := sessions.LoadAndDelete(cookie(r, "session"))
	s, _ := found.(session)
	if tokens, err := sdk.RefreshAccessToken(r.Context(), s.RefreshToken); err == nil {
		s.AccessToken, s.RefreshToken, s.Refreshes = tokens.AccessToken, tokens.RefreshToken, s.Refreshes+1
		sessions.Store(cookie(r, "session"), s)
	} // else the session has ended: there, so here as well
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
	http.HandleFunc("GET /login", login)
	http.HandleFunc("GET /callback", callback)
	http.HandleFunc("POST /refresh", refresh)
	http.HandleFunc("POST /logout", logout)
	panic(http.ListenAndServe("127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "8000"), nil))
}
