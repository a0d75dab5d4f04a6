package main

import (
	"net/http"
	neturl "net/url"
	"strings"

	"github.com/scalekit-inc/scalekit-sdk-go/v2"
	authv1 "github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/auth"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/clients"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/connections"
)

func driveAuth() {
	const callback = "https://app.example.com/callback"
	name := "acme-" + run + ".com"
	acme := createOrganization("Acme")
	connection := must(client.Connection().CreateConnection(ctx, acme, &connections.CreateConnection{
		Provider: connections.ConnectionProvider_IDP_SIMULATOR,
		Type:     connections.ConnectionType_OIDC,
	})).GetConnection().GetId()
	must(client.Connection().EnableConnection(ctx, acme, connection))
	must(client.Domain().CreateDomain(ctx, acme, name))
	application := must(client.Client().CreateClient(ctx, &clients.CreateClient{
		Name: "App " + run, ClientType: "SPA", PostLoginUris: []string{callback},
	})).GetClient().GetId()

	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	// visit returns the parameters of the address that a page leads to, and the cookies that it sets.
	visit := func(address string, cookies []*http.Cookie) (neturl.Values, []*http.Cookie) {
		request := must(http.NewRequestWithContext(ctx, http.MethodGet, address, nil))
		for _, each := range cookies {
			request.AddCookie(each)
		}
		answer := must(browser.Do(request))
		_ = answer.Body.Close()
		return must(answer.Location()).Query(), answer.Cookies()
	}
	// pending returns a sign-in that waits for the connection, and the cookies of its browser.
	pending := func() (string, []*http.Cookie) {
		address := must(client.GetAuthorizationUrl(callback, scalekit.AuthorizationUrlOptions{
			ConnectionId:        connection,
			CodeChallenge:       strings.Repeat("c", 43),
			CodeChallengeMethod: "S256",
		}))
		query, cookies := visit(strings.Replace(address.String(), clientID, application, 1), nil)
		return query.Get("login"), cookies
	}
	update := func(connection, login string, user *authv1.User) (*scalekit.UpdateLoginUserDetailsResponse, error) {
		return client.Auth().UpdateLoginUserDetails(ctx, &scalekit.UpdateLoginUserDetailsRequest{
			ConnectionId: connection, LoginRequestId: login, User: user,
		})
	}
	jane := &authv1.User{Sub: "jane-" + run, Email: "jane@" + name}
	login, cookies := pending()

	step("bad_user", func(details) {
		checkBadRequest(failure(update(connection, login, &authv1.User{Sub: "jane"})))
	})

	step("update_user", func(details) {
		equal(must(update(connection, login, jane)).GetAuthRequestId(), login)
	})

	step("update_once", func(details) {
		checkBadRequest(failure(update(connection, login, jane)))
		query, _ := visit(url+"/login/"+login, cookies)
		check(query.Get("code") != "", "%v has no code", query)
	})

	step("other_domain", func(details) {
		other, cookies := pending()
		must(update(connection, other, &authv1.User{Sub: "joe-" + run, Email: "joe@elsewhere.example"}))
		query, _ := visit(url+"/login/"+other, cookies)
		equal(query.Get("error"), "invalid_user_domain")
	})

	step("not_found", func(details) {
		other, _ := pending()
		checkNotFound(failure(update("conn_"+unknown, other, jane)))
		checkNotFound(failure(update(connection, "areq_"+unknown, jane)))
		deleteOrganizations(acme)
	})
}
