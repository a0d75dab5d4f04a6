package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"github.com/scalekit-inc/scalekit-sdk-go/v2"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/clients"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	nobody    = "m2morg_" + unknown
	elsewhere = "https://elsewhere.example.com"
)

var (
	scopes   = []string{"orders:write", "orders:read", "deploy"}
	audience = []string{"https://orders.example.com", "https://api.example.com"}
)

func customClaims(pairs ...string) []*clients.CustomClaim {
	claims := []*clients.CustomClaim{}
	for n := 0; n < len(pairs); n += 2 {
		claims = append(claims, &clients.CustomClaim{Key: pairs[n], Value: pairs[n+1]})
	}
	return claims
}

// machine is a client of an organization in a list.
type machine struct{ *clients.M2MClient }

func (m machine) GetId() string { return m.GetClientId() }

// accessToken is what the token endpoint gives a client, with the scopes or with all.
func accessToken(id, secret string, scopes ...string) (string, error) {
	options := scalekit.GenerateClientTokenOptions{ClientID: id, ClientSecret: secret, Scopes: scopes}
	answer, err := client.GenerateClientToken(ctx, options)
	if err != nil {
		return "", err
	}
	return answer.AccessToken, nil
}

// checkNoToken returns all that the token endpoint said to a client that it refused.
func checkNoToken(status int, code string, err error) string {
	var refusal *scalekit.Error
	check(errors.As(err, &refusal), "not a refusal: %v", err)
	equal(refusal.StatusCode, status)
	check(strings.Contains(refusal.Message, `"`+code+`"`), "%s", refusal.Message)
	return refusal.Message
}

func checkInvalidClient(id, secret string) string {
	return checkNoToken(401, "invalid_client", failure(accessToken(id, secret)))
}

func checkForbidden(err error) {
	status, info := rpcError(err)
	check(status.Code() == connect.CodePermissionDenied, "%v", err)
	equal(info.GetErrorCode(), "PERMISSION_DENIED")
}

// algorithm returns that of a token's header.
func algorithm(token string) string {
	part := must(base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0]))
	var header struct{ Alg, Typ string }
	succeeds(json.Unmarshal(part, &header))
	equal(header.Typ, "JWT")
	return header.Alg
}

// texts turns a claim that is a list into one.
func texts(claim any) []string {
	list := []string{}
	for _, each := range claim.([]any) {
		list = append(list, each.(string))
	}
	return list
}

func isInteger(claim any) bool {
	number, ok := claim.(float64)
	return ok && number == float64(int64(number))
}

func driveClients() {
	driveMachines()
	driveApplications()
}

func driveMachines() {
	service := client.M2M()
	type options = scalekit.CreateOrganizationClientOptions
	type change = scalekit.UpdateOrganizationClientOptions
	get := func(organizationID, id string) *clients.M2MClient {
		return must(service.GetOrganizationClient(ctx, organizationID, id)).GetClient()
	}
	update := func(organizationID, id string, to change) *clients.M2MClient {
		return must(service.UpdateOrganizationClient(ctx, organizationID, id, to)).GetClient()
	}
	list := func(organizationID string, size uint32, token string) *scalekit.ListOrganizationClientsResponse {
		return must(service.ListOrganizationClients(ctx, organizationID,
			scalekit.ListOrganizationClientsOptions{PageSize: size, PageToken: token}))
	}

	acme, globex := createOrganization("Acme"), createOrganization("Globex")
	claims := customClaims("tier", "gold", "region", "eu-west")
	var orders, plain *clients.M2MClient
	var secret, token string
	var third *scalekit.CreateOrganizationClientSecretResponse

	step("empty_list", func(details) {
		nothing := list(acme, 0, "")
		equal(len(nothing.GetClients()), 0)
		equal(nothing.GetTotalSize(), uint32(0))
	})

	step("create", func(seen details) {
		// CreateOrganizationClientOptions has no expiry.
		created := must(service.CreateOrganizationClient(ctx, acme, options{
			Name: "Orders " + run, Description: "Reads orders every night",
			Scopes: scopes, Audience: audience, CustomClaims: claims,
		}))
		orders, secret = created.GetClient(), created.GetPlainSecret()
		check(strings.HasPrefix(orders.GetClientId(), "m2morg_"), "id %q", orders.GetClientId())
		equal(orders.GetOrganizationId(), acme)
		equal(orders.GetName(), "Orders "+run)
		equal(orders.GetDescription(), "Reads orders every night")
		equal(orders.GetScopes(), scopes)
		equal(orders.GetAudience(), audience)
		sameAll(orders.GetCustomClaims(), claims...)
		check(orders.GetCreateTime().GetSeconds() > 0, "no create_time")
		check(orders.GetUpdateTime().GetSeconds() > 0, "no update_time")
		equal(len(orders.GetSecrets()), 1)
		check(strings.HasPrefix(orders.GetSecrets()[0].GetId(), "sec_"), "%v", orders.GetSecrets())
		check(strings.HasSuffix(secret, orders.GetSecrets()[0].GetSecretSuffix()), "not its suffix")
		seen["id"] = orders.GetClientId()
	})

	step("create_by_name", func(details) {
		plain = must(service.CreateOrganizationClient(ctx, acme, options{Name: "Plain"})).GetClient()
		equal(len(plain.GetScopes())+len(plain.GetAudience())+len(plain.GetCustomClaims()), 0)
		equal(plain.GetDescription(), "")
		equal(plain.GetExpiry(), int64(3600))
	})

	step("get", func(details) {
		same(get(acme, orders.GetClientId()), orders)
		equal(orders.GetSecrets()[0].GetPlainSecret(), "")
	})

	step("list_pages", func(seen details) {
		ours := []string{orders.GetClientId(), plain.GetClientId()}
		for _, name := range []string{"Machine 0", "Machine 1", "Machine 2"} {
			made := must(service.CreateOrganizationClient(ctx, acme, options{Name: name}))
			ours = append(ours, made.GetClient().GetClientId())
		}
		seen["listed"] = len(readPages(func(token string) ([]machine, listing) {
			page, found := list(acme, 2, token), []machine{}
			equal(int(page.GetTotalSize()), len(ours))
			for _, each := range page.GetClients() {
				found = append(found, machine{each})
			}
			return found, page
		}, ours))
		first := list(acme, 2, "")
		second := list(acme, 2, first.GetNextPageToken())
		sameAll(list(acme, 2, second.GetPrevPageToken()).GetClients(), first.GetClients()...)
		equal(len(list(globex, 0, "").GetClients()), 0)
	})

	step("update", func(details) {
		updated := update(acme, orders.GetClientId(), change{Description: "Nightly"})
		expected := proto.Clone(orders).(*clients.M2MClient)
		expected.Description, expected.UpdateTime = "Nightly", updated.GetUpdateTime()
		same(updated, expected)
		updated = update(acme, orders.GetClientId(),
			change{Name: "Orders", CustomClaims: customClaims("tier", "silver")})
		equal(updated.GetName(), "Orders")
		sameAll(updated.GetCustomClaims(), customClaims("tier", "silver")...)
		equal(updated.GetScopes(), scopes)
		same(get(acme, orders.GetClientId()), updated)
		update(acme, orders.GetClientId(), change{CustomClaims: claims})
	})

	step("access_token", func(seen details) {
		var read scalekit.Claims
		soon(func() {
			token = must(accessToken(orders.GetClientId(), secret))
			read = must(client.ValidateToken(ctx, token))
			equal(read["custom_claims"], map[string]any{"tier": "gold", "region": "eu-west"})
		})
		equal(read["iss"], url)
		equal(read["sub"], orders.GetClientId())
		equal(read["client_id"], orders.GetClientId())
		equal(texts(read["aud"]), audience)
		equal(read["oid"], acme)
		for _, name := range []string{"iat", "nbf", "exp"} {
			check(isInteger(read[name]), "%s is %v", name, read[name])
		}
		typed := must(client.GetAccessTokenClaims(ctx, token))
		equal(typed.Sub, orders.GetClientId())
		equal([]string(typed.Audience), audience)
		equal(typed.Exp-typed.Iat, 3600)
		check(strings.HasPrefix(read["jti"].(string), "tkn_"), "jti %v", read["jti"])
		equal(algorithm(token), "RS256")
		again := must(client.ValidateToken(ctx, must(accessToken(orders.GetClientId(), secret))))
		check(again["jti"] != read["jti"], "the same token twice")
		seen["exp"] = typed.Exp
	})

	step("scope_and_scopes", func(details) {
		read := must(client.ValidateToken(ctx, token))
		equal(read["scope"], strings.Join(scopes, " "))
		equal(texts(read["scopes"]), scopes)
	})

	step("validate_access_token", func(details) {
		valid := func(token string, asked scalekit.ValidateTokenOptions) bool {
			held, err := client.ValidateTokenWithOptions(ctx, token, &asked)
			equal(held, err == nil)
			return held
		}
		type asked = scalekit.ValidateTokenOptions
		check(must(client.ValidateAccessToken(ctx, token)), "not valid")
		check(valid(token, asked{Issuer: url, Audience: audience[1:], Scopes: scopes[1:]}), "not valid")
		check(!valid(token, asked{Issuer: elsewhere}), "of another issuer")
		check(!valid(token, asked{Audience: []string{elsewhere}}), "for another audience")
		check(!valid(token, asked{Scopes: []string{"orders:delete"}}), "with another scope")
		check(!valid(token[:len(token)-8]+"AAAAAAAA", asked{}), "with another signature")
	})

	step("narrowed_scopes", func(seen details) {
		read := must(client.ValidateToken(ctx, must(accessToken(orders.GetClientId(), secret, "deploy"))))
		equal(read["scope"], "deploy")
		equal(texts(read["scopes"]), []string{"deploy"})
		err := failure(accessToken(orders.GetClientId(), secret, "deploy", "orders:delete"))
		seen["error"] = checkNoToken(400, "invalid_scope", err)
	})

	step("wrong_secret", func(seen details) {
		wrong := checkInvalidClient(orders.GetClientId(), secret+"x")
		equal(checkInvalidClient(nobody, secret), wrong)
		equal(checkInvalidClient(plain.GetClientId(), secret), wrong)
		seen["error"] = wrong
	})

	step("management_api", func(details) {
		stranger := scalekit.NewScalekitClient(url, orders.GetClientId(), secret)
		checkForbidden(failure(stranger.Organization().GetOrganization(ctx, acme)))
		checkForbidden(failure(stranger.M2M().ListOrganizationClients(ctx, acme,
			scalekit.ListOrganizationClientsOptions{})))
	})

	step("es256", func(details) {
		request := must(http.NewRequest(http.MethodPatch,
			url+"/api/v1/clients/"+orders.GetClientId()+"/settings",
			strings.NewReader(`{"access_token_signing_alg": "ES256"}`)))
		request.Header.Set("authorization", "Bearer "+must(client.GetClientAccessToken(ctx)))
		request.Header.Set("content-type", "application/json")
		answer := must(http.DefaultClient.Do(request))
		succeeds(answer.Body.Close())
		equal(answer.StatusCode, http.StatusOK)
		var curve string
		soon(func() {
			curve = must(accessToken(orders.GetClientId(), secret))
			equal(algorithm(curve), "ES256")
		})
		// This SDK reads the whole key set, and then knows RS256 alone.
		fresh := scalekit.NewScalekitClient(url, clientID, clientSecret)
		check(must(fresh.ValidateAccessToken(ctx, token)), "not valid")
		check(failure(fresh.ValidateAccessToken(ctx, curve)) != nil, "valid")
	})

	step("secrets", func(details) {
		id := plain.GetClientId()
		second := must(service.CreateOrganizationClientSecret(ctx, acme, id))
		third = must(service.CreateOrganizationClientSecret(ctx, acme, id))
		check(strings.HasSuffix(second.GetPlainSecret(), second.GetSecret().GetSecretSuffix()), "not its suffix")
		shown := get(acme, id).GetSecrets()
		equal(ids(shown)[1:], []string{second.GetSecret().GetId(), third.GetSecret().GetId()})
		for _, each := range shown {
			equal(each.GetPlainSecret(), "")
		}
		must(accessToken(id, second.GetPlainSecret()))
		must(accessToken(id, third.GetPlainSecret()))
		for _, gone := range ids(shown)[:2] {
			succeeds(service.DeleteOrganizationClientSecret(ctx, acme, id, gone))
		}
		equal(ids(get(acme, id).GetSecrets()), []string{third.GetSecret().GetId()})
		soon(func() { checkInvalidClient(id, second.GetPlainSecret()) })
		must(accessToken(id, third.GetPlainSecret()))
	})

	step("last_secret", func(seen details) {
		err := service.DeleteOrganizationClientSecret(ctx, acme, plain.GetClientId(), third.GetSecret().GetId())
		checkBadRequest(err)
		status, _ := rpcError(err)
		equal(status.Message(), "last client cannot be deleted")
		must(accessToken(plain.GetClientId(), third.GetPlainSecret()))
		seen["message"] = status.Message()
	})

	step("not_found", func(seen details) {
		secretID := orders.GetSecrets()[0].GetId()
		for _, of := range [][2]string{{acme, nobody}, {globex, orders.GetClientId()}} {
			checkNotFound(failure(service.GetOrganizationClient(ctx, of[0], of[1])))
			checkNotFound(failure(service.UpdateOrganizationClient(ctx, of[0], of[1], change{Name: "Nobody"})))
			checkNotFound(service.DeleteOrganizationClient(ctx, of[0], of[1]))
			checkNotFound(failure(service.CreateOrganizationClientSecret(ctx, of[0], of[1])))
			checkNotFound(service.DeleteOrganizationClientSecret(ctx, of[0], of[1], secretID))
		}
		checkNotFound(service.DeleteOrganizationClientSecret(ctx, acme, orders.GetClientId(), "sec_"+unknown))
		checkNotFound(failure(service.ListOrganizationClients(ctx, "org_"+unknown,
			scalekit.ListOrganizationClientsOptions{})))
		err := failure(service.CreateOrganizationClient(ctx, "org_"+unknown, options{Name: "Nowhere"}))
		checkNotFound(err)
		seen["message"] = err.Error()
	})

	step("bad_field", func(seen details) {
		refusal := func(bad options) error {
			return failure(service.CreateOrganizationClient(ctx, acme, bad))
		}
		checkBadField("name", refusal(options{Name: strings.Repeat("x", 129)}))
		checkBadField("description", refusal(options{Name: "Bad", Description: strings.Repeat("x", 513)}))
		checkBadField("client_id", failure(service.GetOrganizationClient(ctx, acme, "skc_"+unknown)))
		checkBadRequest(refusal(options{Name: "Bad", Scopes: []string{"two words"}}))
		seen["violations"] = checkBadField("key", refusal(options{Name: "Bad", CustomClaims: customClaims("", "")}))
	})

	step("delete", func(details) {
		id := orders.GetClientId()
		succeeds(service.DeleteOrganizationClient(ctx, acme, id))
		checkNotFound(failure(service.GetOrganizationClient(ctx, acme, id)))
		checkNotFound(service.DeleteOrganizationClient(ctx, acme, id))
		soon(func() { checkInvalidClient(id, secret) })
		// What it had is good by its signature.
		check(must(client.ValidateAccessToken(ctx, token)), "not valid")
	})

	step("delete_organization", func(details) {
		deleteOrganizations(acme)
		checkNotFound(failure(service.GetOrganizationClient(ctx, acme, plain.GetClientId())))
		soon(func() { checkInvalidClient(plain.GetClientId(), third.GetPlainSecret()) })
		deleteOrganizations(globex)
	})
}

func driveApplications() {
	service := client.Client()
	const nothing = "skc_" + unknown
	host := "https://" + run + ".example.com"
	uris := func(paths ...string) []string {
		for n := range paths {
			paths[n] = host + paths[n]
		}
		return paths
	}
	create := func(fields *clients.CreateClient) *clients.Client {
		fields.Name += " " + run
		return must(service.CreateClient(ctx, fields)).GetClient()
	}
	get := func(id string) *clients.Client {
		return must(service.GetClient(ctx, id)).GetClient()
	}
	list := func(size uint32, token string, types ...string) *scalekit.ListClientsResponse {
		options := &scalekit.ListClientsOptions{PageSize: size, PageToken: token}
		if len(types) > 0 {
			options.Filter = &clients.ListClientsRequest_Filter{ClientType: types}
		}
		return must(service.ListClients(ctx, options))
	}
	update := func(id string, to *clients.UpdateClient, mask ...string) *clients.Client {
		var fields *fieldmaskpb.FieldMask
		if len(mask) > 0 {
			fields = &fieldmaskpb.FieldMask{Paths: mask}
		}
		return must(service.UpdateClient(ctx, id, to, fields)).GetClient()
	}
	var web, spa, native *clients.Client

	step("create_application", func(seen details) {
		fields := &clients.CreateClient{
			Name:                   "Web",
			ClientType:             "WEB_APP",
			PostLoginUris:          uris("/two", "/one"),
			PostLogoutRedirectUris: uris("/out-2", "/out-1"),
			BackChannelLogoutUris:  uris("/back-2", "/back-1"),
			InitiateLoginUri:       proto.String(host + "/login"),
			AccessTokenExpiry:      3600,
			Scopes:                 scopes,
			CustomClaims:           customClaims("tier", "gold", "region", "eu-west"),
		}
		web = create(fields)
		check(strings.HasPrefix(web.GetId(), "skc_"), "id %q", web.GetId())
		equal(web.GetKeyId(), web.GetId())
		equal(web.GetName(), "Web "+run)
		equal(web.GetClientType(), "WEB_APP")
		equal(web.GetPostLoginUris(), fields.GetPostLoginUris())
		equal(web.GetPostLogoutRedirectUris(), fields.GetPostLogoutRedirectUris())
		equal(web.GetBackChannelLogoutUris(), fields.GetBackChannelLogoutUris())
		equal(web.GetInitiateLoginUri(), host+"/login")
		equal(web.GetAccessTokenExpiry(), int64(3600))
		equal(web.GetScopes(), scopes)
		sameAll(web.GetCustomClaims(), fields.GetCustomClaims()...)
		check(!web.GetEnforcePkce(), "PKCE without being told")
		check(!web.GetDisallowScalekitApiAccess(), "no access to the API without being told")
		equal(len(web.GetSecrets()), 0)
		spa = create(&clients.CreateClient{Name: "Page", ClientType: "SPA",
			PostLoginUris: web.GetPostLoginUris(), EnforcePkce: wrapperspb.Bool(false)})
		native = create(&clients.CreateClient{Name: "Native", ClientType: "NTV"})
		check(spa.GetEnforcePkce() && native.GetEnforcePkce(), "a public client without PKCE")
		strict := create(&clients.CreateClient{Name: "Strict", ClientType: "WEB_APP",
			EnforcePkce: wrapperspb.Bool(true)})
		check(strict.GetEnforcePkce(), "PKCE not enforced")
		succeeds(service.DeleteClient(ctx, strict.GetId()))
		seen["id"] = web.GetId()
	})

	step("get_application", func(details) {
		for _, each := range []*clients.Client{web, spa, native} {
			same(get(each.GetId()), each)
		}
		equal(get(clientID).GetClientType(), "ENV")
	})

	step("list_applications", func(seen details) {
		ours := []string{web.GetId(), spa.GetId(), native.GetId()}
		pages := func(types ...string) func(string) ([]*clients.Client, listing) {
			return func(token string) ([]*clients.Client, listing) {
				page := list(2, token, types...)
				return page.GetClients(), page
			}
		}
		seen["listed"] = len(readPages(pages("WEB_APP", "SPA", "NTV"), ours))
		readPages(pages("ALL"), append([]string{clientID}, ours...))
		equal(list(1, "", "SPA").GetClients()[0].GetId(), spa.GetId())
		management := list(0, "")
		check(slices.Contains(ids(management.GetClients()), clientID), "without ourselves")
		for _, each := range management.GetClients() {
			equal(each.GetClientType(), "ENV")
		}
	})

	step("update_application", func(details) {
		kept := update(web.GetId(), &clients.UpdateClient{Name: "Renamed " + run})
		expected := proto.Clone(web).(*clients.Client)
		expected.Name, expected.UpdateTime = "Renamed "+run, kept.GetUpdateTime()
		same(kept, expected)
		masked := update(web.GetId(), &clients.UpdateClient{
			Name:              "Not this",
			PostLoginUris:     uris("/three", "/four", "/one"),
			AccessTokenExpiry: 1800,
		}, "post_login_uris", "access_token_expiry", "back_channel_logout_uris")
		expected.PostLoginUris, expected.BackChannelLogoutUris = uris("/three", "/four", "/one"), nil
		expected.AccessTokenExpiry, expected.UpdateTime = proto.Int64(1800), masked.GetUpdateTime()
		same(masked, expected)
		same(get(web.GetId()), masked)
	})

	step("application_secrets", func(seen details) {
		one := must(service.AddClientSecret(ctx, web.GetId()))
		two := must(service.AddClientSecret(ctx, web.GetId()))
		check(strings.HasSuffix(one.GetPlainSecret(), one.GetSecret().GetSecretSuffix()), "not its suffix")
		equal(ids(get(web.GetId()).GetSecrets()), []string{one.GetSecret().GetId(), two.GetSecret().GetId()})
		must(accessToken(web.GetId(), one.GetPlainSecret()))
		err := failure(service.AddClientSecret(ctx, web.GetId()))
		checkBadRequest(err)
		seen["message"] = err.Error()
		checkBadRequest(failure(service.AddClientSecret(ctx, spa.GetId())))
		succeeds(service.RemoveClientSecret(ctx, web.GetId(), one.GetSecret().GetId()))
		left := get(web.GetId()).GetSecrets()
		equal(ids(left), []string{two.GetSecret().GetId()})
		equal(left[0].GetPlainSecret(), "")
		soon(func() { checkInvalidClient(web.GetId(), one.GetPlainSecret()) })
		must(accessToken(web.GetId(), two.GetPlainSecret()))
		checkNotFound(service.RemoveClientSecret(ctx, web.GetId(), one.GetSecret().GetId()))
	})

	step("application_api_access", func(seen details) {
		secret := must(service.AddClientSecret(ctx, web.GetId())).GetPlainSecret()
		allowed := scalekit.NewScalekitClient(url, web.GetId(), secret)
		call := func(caller scalekit.Scalekit) error {
			return failure(caller.Organization().ListOrganization(ctx, &scalekit.ListOrganizationOptions{PageSize: 1}))
		}
		denied := func(err error) string {
			check(err != nil, "the call succeeded")
			text := strings.ToLower(err.Error())
			check(strings.Contains(text, "unauthenticated") || strings.Contains(text, "unauthorized") ||
				strings.Contains(text, "401"), "text: %v", err)
			check(!strings.Contains(text, "permission denied"), "text: %v", err)
			return err.Error()
		}
		succeeds(call(allowed))
		update(web.GetId(), &clients.UpdateClient{DisallowScalekitApiAccess: wrapperspb.Bool(true)})
		soon(func() { denied(call(allowed)) })
		closed := scalekit.NewScalekitClient(url, web.GetId(), secret)
		seen["error"] = denied(call(closed))
		checkNoToken(401, "unauthorized_client", failure(accessToken(web.GetId(), secret)))
	})

	step("application_refused", func(seen details) {
		checkBadRequest(failure(service.CreateClient(ctx, &clients.CreateClient{Name: "Second", ClientType: "ENV"})))
		checkBadRequest(service.DeleteClient(ctx, clientID))
		checkBadRequest(failure(service.CreateClient(ctx, &clients.CreateClient{
			Name: "Script", ClientType: "WEB_APP", PostLoginUris: []string{"javascript:alert(1)"}})))
		seen["violations"] = checkBadField("name", failure(service.CreateClient(ctx, &clients.CreateClient{
			Name: strings.Repeat("x", 129), ClientType: "WEB_APP"})))
	})

	step("application_not_found", func(details) {
		checkNotFound(failure(service.GetClient(ctx, nothing)))
		checkNotFound(failure(service.UpdateClient(ctx, nothing, &clients.UpdateClient{Name: "Nobody"}, nil)))
		checkNotFound(service.DeleteClient(ctx, nothing))
		checkNotFound(failure(service.AddClientSecret(ctx, nothing)))
		checkNotFound(service.RemoveClientSecret(ctx, nothing, "sec_"+unknown))
	})

	step("delete_application", func(details) {
		short := create(&clients.CreateClient{Name: "Short", ClientType: "WEB_APP"})
		secret := must(service.AddClientSecret(ctx, short.GetId())).GetPlainSecret()
		caller := scalekit.NewScalekitClient(url, short.GetId(), secret)
		must(caller.Client().GetClient(ctx, short.GetId()))
		for _, id := range []string{web.GetId(), spa.GetId(), native.GetId(), short.GetId()} {
			succeeds(service.DeleteClient(ctx, id))
			checkNotFound(failure(service.GetClient(ctx, id)))
			checkNotFound(service.DeleteClient(ctx, id))
		}
		soon(func() {
			checkInvalidClient(short.GetId(), secret)
			check(failure(caller.Client().GetClient(ctx, web.GetId())) != nil, "it may still call")
		})
	})
}
