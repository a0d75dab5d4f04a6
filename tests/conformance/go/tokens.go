package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/scalekit-inc/scalekit-sdk-go/v2"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/users"
	"google.golang.org/protobuf/proto"
)

func driveTokens() {
	service := client.Token()
	type options = scalekit.CreateTokenOptions
	type change = scalekit.UpdateTokenOptions
	const (
		nothing = "apit_" + unknown
		nowhere = "org_" + unknown
	)
	createUser := func(organizationID, name string, invite bool) *users.User {
		return must(client.User().CreateUserAndMembership(ctx, organizationID, &users.CreateUser{
			Email: name + "." + run + "@example.com", ExternalId: proto.String(name + "-" + run),
		}, invite)).GetUser()
	}
	validate := func(token string) *scalekit.TokenInfo {
		return must(service.ValidateToken(ctx, token)).GetTokenInfo()
	}
	checkDead := func(token string) string {
		err := failure(service.ValidateToken(ctx, token))
		check(errors.Is(err, scalekit.ErrTokenValidationFailed), "%v", err)
		checkNotFound(err)
		var status *connect.Error
		check(errors.As(err, &status), "%v", err)
		return status.Message()
	}
	checkDeadSoon := func(dying ...string) {
		for _, token := range dying {
			soon(func() { checkDead(token) })
		}
	}
	refusal := func(organizationID string, with options) error {
		return failure(service.CreateToken(ctx, organizationID, with))
	}
	list := func(organizationID string, page scalekit.ListTokensOptions) *scalekit.ListTokensResponse {
		return must(service.ListTokens(ctx, organizationID, page))
	}
	in := func(wait time.Duration) *time.Time {
		moment := time.Now().Add(wait)
		return &moment
	}

	acme := must(client.Organization().CreateOrganization(ctx, "Acme "+run,
		scalekit.CreateOrganizationOptions{ExternalId: "acme-" + run})).GetOrganization().GetId()
	globex := createOrganization("Globex")
	jane, invited := createUser(acme, "jane", false), createUser(acme, "invited", true)
	claims := map[string]string{"scope": "orders:read", "team": "données"}
	var plain, full, brief *scalekit.CreateTokenResponse
	var updated *scalekit.TokenInfo

	step("create", func(seen details) {
		plain = must(service.CreateToken(ctx, acme, options{}))
		check(strings.HasPrefix(plain.GetTokenId(), "apit_"), "id %q", plain.GetTokenId())
		info := plain.GetTokenInfo()
		equal(info.GetTokenId(), plain.GetTokenId())
		equal(info.GetOrganizationId(), acme)
		equal(info.GetOrganizationExternalId(), "acme-"+run)
		check(strings.HasSuffix(plain.GetToken(), info.GetTokenSuffix()), "not its suffix")
		equal(len(info.GetTokenSuffix()), 4)
		check(info.GetCreatedAt().GetSeconds() > 0, "no created_at")
		check(info.UserId == nil && info.UserExternalId == nil && info.Email == nil, "of a user: %v", info)
		check(info.GetExpiry() == nil, "it ends: %v", info)
		equal(len(info.GetCustomClaims())+len(info.GetRoles()), 0)
		seen["id"] = plain.GetTokenId()
	})

	step("create_for_user", func(details) {
		expiry := in(time.Hour)
		full = must(service.CreateToken(ctx, acme, options{UserId: jane.GetId(),
			CustomClaims: claims, Expiry: expiry, Description: "For the nightly job"}))
		info := full.GetTokenInfo()
		equal(info.GetUserId(), jane.GetId())
		equal(info.GetUserExternalId(), "jane-"+run)
		equal(info.GetEmail(), jane.GetEmail())
		equal(info.GetRoles(), []string{"member"})
		equal(info.GetCustomClaims(), claims)
		equal(info.GetExpiry().AsTime().UnixMicro(), expiry.UnixMicro())
		equal(info.GetDescription(), "For the nightly job")
	})

	step("create_refused", func(details) {
		checkBadRequest(refusal(acme, options{UserId: invited.GetId()}))
		checkRefused(refusal(acme, options{UserId: "usr_" + unknown}))
		checkRefused(refusal(globex, options{UserId: jane.GetId()}))
		checkRefused(refusal(nowhere, options{}))
		checkBadRequest(refusal(acme, options{Expiry: in(-time.Hour)}))
	})

	step("bad_field", func(seen details) {
		checkBadField("description", refusal(acme, options{Description: strings.Repeat("x", 256)}))
		many := map[string]string{}
		for n := range 21 {
			many["claim"+strconv.Itoa(n)] = "1"
		}
		for _, bad := range []map[string]string{
			many,
			{strings.Repeat("x", 31): "1"},
			{"x": strings.Repeat("1", 257)},
			{"x": ""},
		} {
			checkBadField("custom_claims", refusal(acme, options{CustomClaims: bad}))
		}
		err := failure(service.ListTokens(ctx, acme, scalekit.ListTokensOptions{PageSize: 31}))
		seen["violations"] = checkBadField("page_size", err)
	})

	step("validate", func(details) {
		for _, made := range []*scalekit.CreateTokenResponse{plain, full} {
			same(validate(made.GetToken()), made.GetTokenInfo())
			same(validate(made.GetTokenId()), made.GetTokenInfo())
		}
	})

	step("validate_dead", func(seen details) {
		message := checkDead(nothing)
		equal(checkDead("no-token"), message)
		body, last := plain.GetToken()[:len(plain.GetToken())-1], "A"
		if strings.HasSuffix(plain.GetToken(), last) {
			last = "B"
		}
		equal(checkDead(body+last), message)
		brief = must(service.CreateToken(ctx, acme, options{Expiry: in(1500 * time.Millisecond)}))
		same(validate(brief.GetToken()), brief.GetTokenInfo())
		time.Sleep(time.Until(brief.GetTokenInfo().GetExpiry().AsTime()))
		checkDeadSoon(brief.GetToken(), brief.GetTokenId())
		seen["message"] = message
	})

	step("update", func(details) {
		update := func(token string, to change) *scalekit.TokenInfo {
			return must(service.UpdateToken(ctx, token, to)).GetTokenInfo()
		}
		updated = update(full.GetToken(), change{Description: proto.String("For the daily job")})
		equal(updated.GetDescription(), "For the daily job")
		equal(updated.GetCustomClaims(), claims)
		gold := map[string]string{"tier": "gold"}
		updated = update(full.GetTokenId(), change{CustomClaims: gold})
		equal(updated.GetCustomClaims(), gold)
		equal(updated.GetDescription(), "For the daily job")
		updated = update(full.GetTokenId(), change{CustomClaims: map[string]string{}, Description: proto.String("")})
		equal(updated.GetCustomClaims(), gold)
		equal(updated.GetDescription(), "")
		soon(func() { same(validate(full.GetToken()), updated) })
	})

	step("update_refused", func(seen details) {
		described := change{Description: proto.String("x")}
		err := failure(service.UpdateToken(ctx, nothing, described))
		checkNotFound(err)
		checkNotFound(failure(service.UpdateToken(ctx, brief.GetToken(), described)))
		empty := change{CustomClaims: map[string]string{"tier": ""}}
		checkBadField("custom_claims", failure(service.UpdateToken(ctx, full.GetToken(), empty)))
		long := change{Description: proto.String(strings.Repeat("x", 256))}
		checkBadField("description", failure(service.UpdateToken(ctx, full.GetToken(), long)))
		seen["message"] = err.Error()
	})

	step("list_pages", func(seen details) {
		page := func(token string) *scalekit.ListTokensResponse {
			answer := list(acme, scalekit.ListTokensOptions{PageSize: 1, PageToken: token})
			equal(answer.GetTotalCount(), int32(2))
			return answer
		}
		first := page("")
		second := page(first.GetNextPageToken())
		sameAll(first.GetTokens(), updated)
		sameAll(second.GetTokens(), plain.GetTokenInfo())
		equal(second.GetNextPageToken(), "")
		sameAll(page(second.GetPrevPageToken()).GetTokens(), updated)
		sameAll(list(acme, scalekit.ListTokensOptions{}).GetTokens(), updated, plain.GetTokenInfo())
		equal(len(list(globex, scalekit.ListTokensOptions{}).GetTokens()), 0)
		checkNotFound(failure(service.ListTokens(ctx, nowhere, scalekit.ListTokensOptions{})))
		seen["listed"] = first.GetTotalCount()
	})

	step("list_by_user", func(details) {
		sameAll(list(acme, scalekit.ListTokensOptions{UserId: jane.GetId()}).GetTokens(), updated)
		sameAll(list(acme, scalekit.ListTokensOptions{UserId: invited.GetId()}).GetTokens())
	})

	step("invalidate", func(details) {
		spare := must(service.CreateToken(ctx, acme, options{}))
		same(validate(spare.GetToken()), spare.GetTokenInfo())
		succeeds(service.InvalidateToken(ctx, spare.GetToken()))
		checkDeadSoon(spare.GetToken(), spare.GetTokenId())
		for _, again := range []string{spare.GetTokenId(), nothing, "no-token"} {
			succeeds(service.InvalidateToken(ctx, again))
		}
		equal(len(list(acme, scalekit.ListTokensOptions{}).GetTokens()), 2)
		described := change{Description: proto.String("x")}
		checkNotFound(failure(service.UpdateToken(ctx, spare.GetToken(), described)))
	})

	step("membership_ends", func(details) {
		succeeds(client.User().DeleteMembership(ctx, acme, jane.GetId(), false))
		checkDeadSoon(full.GetToken(), full.GetTokenId())
		must(client.User().CreateMembership(ctx, acme, jane.GetId(), &users.CreateMembership{}, false))
		checkDeadSoon(full.GetToken())
		sameAll(list(acme, scalekit.ListTokensOptions{}).GetTokens(), plain.GetTokenInfo())
	})

	step("delete_organization", func(details) {
		deleteOrganizations(acme)
		checkDeadSoon(plain.GetToken(), plain.GetTokenId())
		deleteOrganizations(globex)
	})
}
