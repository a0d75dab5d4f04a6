package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/scalekit-inc/scalekit-sdk-go/v2"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/organizations"
	"google.golang.org/protobuf/proto"
)

func checkFollowsApplication(policy *scalekit.OrganizationSessionPolicySettings) {
	same(policy, &scalekit.OrganizationSessionPolicySettings{
		PolicySource: scalekit.SessionPolicySourceApplication,
	})
}

// staleOnce spoils the token of the first RPC that passes. The SDK sends RPCs through
// http.DefaultClient and fetches tokens with a client of its own.
type staleOnce struct{ rpcs int }

func (s *staleOnce) RoundTrip(request *http.Request) (*http.Response, error) {
	s.rpcs++
	if s.rpcs == 1 {
		request = request.Clone(request.Context())
		token, _, _ := strings.Cut(request.Header.Get("Authorization"), ".")
		request.Header.Set("Authorization", token+".e30.c3RhbGU")
	}
	return http.DefaultTransport.RoundTrip(request)
}

func driveOrganizations() {
	orgs := client.Organization()
	get := func(id string) *organizations.Organization {
		return must(orgs.GetOrganization(ctx, id)).GetOrganization()
	}
	create := func(name string, options scalekit.CreateOrganizationOptions) *organizations.Organization {
		return must(orgs.CreateOrganization(ctx, name, options)).GetOrganization()
	}

	var acme *organizations.Organization
	var ours []string

	step("create", func(seen details) {
		options := scalekit.CreateOrganizationOptions{
			ExternalId: "acme-" + run,
			Metadata:   map[string]string{"plan": "gold", "region": "eu-west"},
			Slug:       "acme-" + run,
			LogoUrl:    "https://example.com/acme.png",
		}
		acme = create("Acme "+run, options)
		check(strings.HasPrefix(acme.GetId(), "org_"), "id %q", acme.GetId())
		equal(acme.GetDisplayName(), "Acme "+run)
		equal(acme.GetExternalId(), options.ExternalId)
		equal(acme.GetMetadata(), options.Metadata)
		equal(acme.GetSlug(), options.Slug)
		equal(acme.GetLogoUrl(), options.LogoUrl)
		check(acme.GetCreateTime().GetSeconds() > 0, "no create_time")
		check(acme.GetUpdateTime().GetSeconds() > 0, "no update_time")
		seen["id"] = acme.GetId()
	})

	step("get", func(details) {
		same(get(acme.GetId()), acme)
	})

	step("get_by_external_id", func(details) {
		found := must(orgs.GetOrganizationByExternalId(ctx, "acme-"+run))
		same(found.GetOrganization(), acme)
	})

	step("update_by_id", func(details) {
		silver := map[string]string{"plan": "silver"}
		updated := must(orgs.UpdateOrganization(ctx, acme.GetId(), &scalekit.UpdateOrganization{
			Metadata: silver,
		})).GetOrganization()
		equal(updated.GetMetadata(), silver)
		equal(updated.GetDisplayName(), acme.GetDisplayName())
		equal(updated.GetExternalId(), acme.GetExternalId())
		equal(updated.GetSlug(), acme.GetSlug())
		same(get(acme.GetId()), updated)
	})

	step("update_by_external_id", func(details) {
		updated := must(orgs.UpdateOrganizationByExternalId(ctx, "acme-"+run,
			&scalekit.UpdateOrganization{DisplayName: proto.String("Acme Two " + run)}))
		equal(updated.GetOrganization().GetId(), acme.GetId())
		equal(get(acme.GetId()).GetDisplayName(), "Acme Two "+run)
		equal(get(acme.GetId()).GetMetadata(), map[string]string{"plan": "silver"})
	})

	step("update_as_documented", func(details) {
		updated := must(orgs.UpdateOrganization(ctx, acme.GetId(), &scalekit.UpdateOrganization{
			DisplayName: proto.String("Acme Three " + run),
			ExternalId:  proto.String("acme-three-" + run),
		})).GetOrganization()
		equal(updated.GetDisplayName(), "Acme Three "+run)
		equal(updated.GetExternalId(), "acme-three-"+run)
		same(get(acme.GetId()), updated)
	})

	step("list_pages", func(seen details) {
		ours = []string{acme.GetId()}
		for n := range 4 {
			branch := create(fmt.Sprintf("Branch %d %s", n, run), scalekit.CreateOrganizationOptions{})
			ours = append(ours, branch.GetId())
		}
		seen["listed"] = len(readPages(func(token string) ([]*organizations.Organization, listing) {
			page := must(orgs.ListOrganization(ctx, &scalekit.ListOrganizationOptions{
				PageSize: 2, PageToken: token,
			}))
			return page.GetOrganizations(), page
		}, ours))
	})

	step("settings", func(details) {
		updated := must(orgs.UpdateOrganizationSettings(ctx, acme.GetId(), scalekit.OrganizationSettings{
			Features: []scalekit.Feature{{Name: "sso", Enabled: false}, {Name: "dir_sync", Enabled: true}},
		})).GetOrganization()
		features := updated.GetSettings().GetFeatures()
		check(len(features) >= 2, "%d features", len(features))
		equal([]any{features[0].GetName(), features[0].GetEnabled()}, []any{"sso", false})
		equal([]any{features[1].GetName(), features[1].GetEnabled()}, []any{"dir_sync", true})
		same(get(acme.GetId()).GetSettings(), updated.GetSettings())
	})

	step("user_management", func(details) {
		for _, limit := range []int32{25, 0} {
			stored := must(orgs.UpsertUserManagementSettings(ctx, acme.GetId(),
				scalekit.OrganizationUserManagementSettings{MaxAllowedUsers: &limit}))
			check(stored.GetMaxAllowedUsers() != nil, "the limit %d is absent", limit)
			equal(stored.GetMaxAllowedUsers().GetValue(), limit)
		}
	})

	step("session_policy_custom", func(details) {
		checkFollowsApplication(must(orgs.GetOrganizationSessionPolicy(ctx, acme.GetId())))
		policy := must(orgs.UpdateOrganizationSessionPolicy(ctx, acme.GetId(),
			scalekit.OrganizationSessionPolicy{
				PolicySource:               scalekit.SessionPolicySourceCustom,
				AbsoluteSessionTimeout:     proto.Int32(360),
				AbsoluteSessionTimeoutUnit: scalekit.TimeUnitMinutes,
				IdleSessionTimeoutEnabled:  proto.Bool(true),
				IdleSessionTimeout:         proto.Int32(60),
				IdleSessionTimeoutUnit:     scalekit.TimeUnitMinutes,
			}))
		equal(policy.GetPolicySource(), scalekit.SessionPolicySourceCustom)
		equal(policy.GetAbsoluteSessionTimeout().GetValue(), int32(360))
		equal(policy.GetAbsoluteSessionTimeoutUnit(), scalekit.TimeUnitMinutes)
		equal(policy.GetIdleSessionTimeoutEnabled().GetValue(), true)
		equal(policy.GetIdleSessionTimeout().GetValue(), int32(60))
		equal(policy.GetIdleSessionTimeoutUnit(), scalekit.TimeUnitMinutes)
		same(must(orgs.GetOrganizationSessionPolicy(ctx, acme.GetId())), policy)
	})

	step("session_policy_application", func(details) {
		checkFollowsApplication(must(orgs.UpdateOrganizationSessionPolicy(ctx, acme.GetId(),
			scalekit.OrganizationSessionPolicy{PolicySource: scalekit.SessionPolicySourceApplication})))
		checkFollowsApplication(must(orgs.GetOrganizationSessionPolicy(ctx, acme.GetId())))
	})

	step("portal_link", func(seen details) {
		link := must(orgs.GeneratePortalLink(ctx, acme.GetId()))
		check(link.GetId() != "", "no id")
		check(strings.HasPrefix(link.GetLocation(), url), "location %q", link.GetLocation())
		check(link.GetExpireTime().AsTime().After(time.Now()), "expired at %v", link.GetExpireTime())
		seen["id"] = link.GetId()
	})

	step("not_found", func(seen details) {
		_, err := orgs.GetOrganization(ctx, "org_"+unknown)
		checkNotFound(err)
		seen["message"] = err.Error()
	})

	step("bad_field", func(seen details) {
		for _, name := range []string{"", strings.Repeat("x", 201)} {
			_, err := orgs.CreateOrganization(ctx, name, scalekit.CreateOrganizationOptions{})
			seen["violations"] = checkBadField("display_name", err)
		}
	})

	step("duplicate_external_id", func(seen details) {
		_, err := orgs.CreateOrganization(ctx, "Twin", scalekit.CreateOrganizationOptions{
			ExternalId: "acme-three-" + run,
		})
		checkDuplicate("external_id", err)
		seen["message"] = err.Error()
	})

	step("wrong_secret", func(seen details) {
		stranger := scalekit.NewScalekitClient(url, clientID, clientSecret+"x")
		_, err := stranger.Organization().GetOrganization(ctx, acme.GetId())
		var refusal *scalekit.Error
		check(errors.As(err, &refusal), "not a refused token request: %v", err)
		equal(refusal.StatusCode, http.StatusUnauthorized)
		seen["error"] = err.Error()
		known := stranger.WithSecret(clientSecret)
		equal(must(known.Organization().GetOrganization(ctx, acme.GetId())).GetOrganization().GetId(), acme.GetId())
	})

	step("stale_token", func(details) {
		transport := &staleOnce{}
		http.DefaultClient.Transport = transport
		defer func() { http.DefaultClient.Transport = nil }()
		equal(get(acme.GetId()).GetId(), acme.GetId())
		equal(transport.rpcs, 2)
	})

	step("delete", func(seen details) {
		for _, id := range ours {
			deleteOrganizations(id)
			checkNotFound(failure(orgs.GetOrganization(ctx, id)))
		}
		checkNotFound(orgs.DeleteOrganization(ctx, acme.GetId()))
		seen["deleted"] = len(ours)
	})

	step("external_id_is_free_again", func(details) {
		heir := create("Heir", scalekit.CreateOrganizationOptions{ExternalId: "acme-three-" + run})
		check(heir.GetId() != acme.GetId(), "the old organization came back")
		deleteOrganizations(heir.GetId())
	})
}
