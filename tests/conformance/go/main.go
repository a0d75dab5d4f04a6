// Drive OrganizationService with the official Go SDK and say what was seen, step by step.
//
// Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line
// of JSON per step of ../steps.json; the first step that fails ends the program.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/scalekit-inc/scalekit-sdk-go/v2"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/errdetails"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/organizations"
	"google.golang.org/protobuf/proto"
)

const unknownID = "org_1234567890123456789"

var (
	url          = os.Getenv("SCALEKIT_ENVIRONMENT_URL")
	clientID     = os.Getenv("SCALEKIT_CLIENT_ID")
	clientSecret = os.Getenv("SCALEKIT_CLIENT_SECRET")

	ctx  = context.Background()
	orgs = scalekit.NewScalekitClient(url, clientID, clientSecret).Organization()
)

type details map[string]any

// failed is what check panics with; step reports it.
type failed struct{ message string }

func check(holds bool, format string, args ...any) {
	if !holds {
		panic(failed{fmt.Sprintf(format, args...)})
	}
}

func equal(got, want any) {
	check(reflect.DeepEqual(got, want), "got %v, want %v", got, want)
}

func same(got, want proto.Message) {
	check(proto.Equal(got, want), "got %v, want %v", got, want)
}

func must[T any](value T, err error) T {
	check(err == nil, "%v", err)
	return value
}

func step(name string, show func(seen details)) {
	line := details{"step": name, "ok": true}
	defer func() {
		failure := recover()
		if failure != nil {
			line["ok"] = false
			line["error"] = fmt.Sprint(failure)
		}
		_ = json.NewEncoder(os.Stdout).Encode(line)
		if failure != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, failure)
			os.Exit(1)
		}
	}()
	show(line)
}

func get(id string) *organizations.Organization {
	return must(orgs.GetOrganization(ctx, id)).GetOrganization()
}

func create(name string, options scalekit.CreateOrganizationOptions) *organizations.Organization {
	return must(orgs.CreateOrganization(ctx, name, options)).GetOrganization()
}

// rpcError returns the status of a failed call and the ErrorInfo that came with it.
func rpcError(err error) (*connect.Error, *errdetails.ErrorInfo) {
	var status *connect.Error
	check(errors.As(err, &status), "not an RPC error: %v", err)
	for _, detail := range status.Details() {
		if info, ok := must(detail.Value()).(*errdetails.ErrorInfo); ok {
			check(info.GetErrorCode() != "", "empty error_code")
			return status, info
		}
	}
	panic(failed{fmt.Sprintf("no ErrorInfo in %v", err)})
}

func checkNotFound(err error) {
	status, _ := rpcError(err)
	equal(status.Code(), connect.CodeNotFound)
	check(strings.Contains(err.Error(), "not found"), "text: %v", err)
}

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

func main() {
	random := make([]byte, 6)
	_, _ = rand.Read(random)
	run := hex.EncodeToString(random)

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
		listed := []string{}
		oursListed := []string{}
		token := ""
		for len(oursListed) < len(ours) {
			page := must(orgs.ListOrganization(ctx, &scalekit.ListOrganizationOptions{
				PageSize: 2, PageToken: token,
			}))
			size := len(page.GetOrganizations())
			check(size == 1 || size == 2, "a page of %d", size)
			check(page.GetTotalSize() >= 5, "total_size %d", page.GetTotalSize())
			for _, organization := range page.GetOrganizations() {
				id := organization.GetId()
				check(!slices.Contains(listed, id), "%s was listed twice", id)
				listed = append(listed, id)
				if slices.Contains(ours, id) {
					oursListed = append(oursListed, id)
				}
			}
			token = page.GetNextPageToken()
			check(token != "" || len(oursListed) == len(ours), "the pages ended before all were seen")
		}
		slices.Reverse(oursListed) // newest came first
		equal(oursListed, ours)
		seen["listed"] = len(listed)
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
		_, err := orgs.GetOrganization(ctx, unknownID)
		checkNotFound(err)
		seen["message"] = err.Error()
	})

	step("bad_field", func(seen details) {
		for _, name := range []string{"", strings.Repeat("x", 201)} {
			_, err := orgs.CreateOrganization(ctx, name, scalekit.CreateOrganizationOptions{})
			status, info := rpcError(err)
			equal(status.Code(), connect.CodeInvalidArgument)
			equal(info.GetErrorCode(), "INVALID_ARGUMENT")
			check(strings.Contains(status.Message(), "display_name"), "text: %v", err)
			violations := info.GetValidationErrorInfo().GetFieldViolations()
			named := slices.ContainsFunc(violations, func(v *errdetails.ValidationErrorInfo_FieldViolation) bool {
				return strings.Contains(v.GetField(), "display_name") && v.GetDescription() != ""
			})
			check(named, "violations: %v", violations)
			seen["violations"] = violations
		}
	})

	step("duplicate_external_id", func(seen details) {
		_, err := orgs.CreateOrganization(ctx, "Twin", scalekit.CreateOrganizationOptions{
			ExternalId: "acme-three-" + run,
		})
		status, _ := rpcError(err)
		equal(status.Code(), connect.CodeInvalidArgument)
		check(strings.Contains(err.Error(), "duplicate key not allowed"), "text: %v", err)
		check(strings.Contains(err.Error(), "external_id"), "text: %v", err)
		seen["message"] = err.Error()
	})

	step("wrong_secret", func(seen details) {
		stranger := scalekit.NewScalekitClient(url, clientID, clientSecret+"x")
		_, err := stranger.Organization().GetOrganization(ctx, acme.GetId())
		var refusal *scalekit.Error
		check(errors.As(err, &refusal), "not a refused token request: %v", err)
		equal(refusal.StatusCode, http.StatusUnauthorized)
		seen["error"] = err.Error()
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
			check(orgs.DeleteOrganization(ctx, id) == nil, "%s was not deleted", id)
			_, err := orgs.GetOrganization(ctx, id)
			checkNotFound(err)
		}
		checkNotFound(orgs.DeleteOrganization(ctx, acme.GetId()))
		seen["deleted"] = len(ours)
	})

	step("external_id_is_free_again", func(details) {
		heir := create("Heir", scalekit.CreateOrganizationOptions{ExternalId: "acme-three-" + run})
		check(heir.GetId() != acme.GetId(), "the old organization came back")
		check(orgs.DeleteOrganization(ctx, heir.GetId()) == nil, "%s was not deleted", heir.GetId())
	})
}
