package main

import (
	"slices"
	"strings"

	"github.com/scalekit-inc/scalekit-sdk-go/v2"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/domains"
	"google.golang.org/protobuf/proto"
)

func driveDomains() {
	service := client.Domain()
	create := func(organizationID, name string, options ...*scalekit.CreateDomainOptions) *domains.Domain {
		return must(service.CreateDomain(ctx, organizationID, name, options...)).GetDomain()
	}
	refusal := func(organizationID, name string, options ...*scalekit.CreateDomainOptions) error {
		return failure(service.CreateDomain(ctx, organizationID, name, options...))
	}
	get := func(organizationID, id string) *domains.Domain {
		return must(service.GetDomain(ctx, id, organizationID)).GetDomain()
	}
	list := func(organizationID string, options ...*scalekit.ListDomainOptions) []*domains.Domain {
		return must(service.ListDomains(ctx, organizationID, options...)).GetDomains()
	}

	const (
		owned   = domains.DomainType_ORGANIZATION_DOMAIN
		allowed = domains.DomainType_ALLOWED_EMAIL_DOMAIN
		nowhere = "org_" + unknown
		nothing = "dom_" + unknown
	)
	ofOwned := &scalekit.CreateDomainOptions{DomainType: scalekit.DomainTypeOrganization}
	ofAllowed := &scalekit.CreateDomainOptions{DomainType: scalekit.DomainTypeAllowedEmail}
	acme, globex := createOrganization("Acme"), createOrganization("Globex")
	var domain *domains.Domain
	var typed []*domains.Domain

	step("empty_list", func(details) {
		sameAll(list(acme))
	})

	step("create", func(seen details) {
		domain = create(acme, "acme-"+run+".com")
		check(strings.HasPrefix(domain.GetId(), "dom_"), "id %q", domain.GetId())
		equal(domain.GetDomain(), "acme-"+run+".com")
		equal(domain.GetOrganizationId(), acme)
		check(strings.HasPrefix(domain.GetEnvironmentId(), "env_"), "%v", domain)
		equal(domain.GetDomainType(), owned)
		equal(domain.GetVerificationStatus(), domains.VerificationStatus_VERIFIED)
		equal(domain.GetVerificationMethod(), domains.VerificationMethod_ADMIN)
		check(domain.GetCreateTime().GetSeconds() > 0, "no create_time")
		check(domain.GetUpdateTime().GetSeconds() > 0, "no update_time")
		seen["id"] = domain.GetId()
	})

	step("create_typed", func(details) {
		typed = []*domains.Domain{
			create(acme, "owned.acme-"+run+".com", ofOwned),
			create(acme, "allowed-"+run+".com", ofAllowed),
			create(acme, "owned-"+run+".test", &scalekit.CreateDomainOptions{}),
			create(acme, "allowed.allowed-"+run+".com", ofAllowed),
		}
		for n, want := range []domains.DomainType{owned, allowed, owned, allowed} {
			equal(typed[n].GetDomainType(), want)
		}
		equal(typed[1].GetVerificationMethod(), domains.VerificationMethod_NOT_APPLICABLE)
	})

	step("get", func(details) {
		same(get(acme, domain.GetId()), domain)
	})

	step("list", func(details) {
		sameAll(list(acme), typed[3], typed[2], typed[1], typed[0], domain)
		sameAll(list(acme, &scalekit.ListDomainOptions{}), typed[3], typed[2], typed[1], typed[0], domain)
		sameAll(list(globex))
	})

	step("list_by_type", func(details) {
		sameAll(list(acme, &scalekit.ListDomainOptions{DomainType: scalekit.DomainTypeOrganization}),
			typed[2], typed[0], domain)
		sameAll(list(acme, &scalekit.ListDomainOptions{DomainType: scalekit.DomainTypeAllowedEmail}),
			typed[3], typed[1])
	})

	step("list_pages", func(details) {
		page := func(number uint32) *scalekit.ListDomainResponse {
			options := &scalekit.ListDomainOptions{PageSize: 2, PageNumber: number}
			answer := must(service.ListDomains(ctx, acme, options))
			equal(answer.GetPageSize(), int32(2))
			equal(answer.GetPageNumber(), int32(number))
			return answer
		}
		sameAll(page(0).GetDomains(), typed[3], typed[2])
		sameAll(page(1).GetDomains(), typed[1], typed[0])
		sameAll(page(2).GetDomains(), domain)
		sameAll(page(3).GetDomains())
	})

	step("refused", func(details) {
		for _, name := range []string{"acme", "gmail.com", "mailinator.com", "under_score-" + run + ".com"} {
			checkBadRequest(refusal(acme, name))
		}
		checkBadRequest(refusal(acme, "outlook.com", ofAllowed))
	})

	step("duplicate", func(seen details) {
		err := refusal(acme, domain.GetDomain())
		checkDuplicate("domain", err)
		checkDuplicate("domain", refusal(globex, domain.GetDomain()))
		checkDuplicate("domain", refusal(acme, strings.ToUpper(domain.GetDomain())))
		seen["message"] = err.Error()
	})

	step("not_found", func(seen details) {
		err := failure(service.GetDomain(ctx, nothing, acme))
		checkNotFound(err)
		checkNotFound(failure(service.GetDomain(ctx, domain.GetId(), globex)))
		checkNotFound(service.DeleteDomain(ctx, domain.GetId(), globex))
		checkNotFound(service.DeleteDomain(ctx, nothing, acme))
		checkNotFound(refusal(nowhere, "nowhere-"+run+".com"))
		checkNotFound(failure(service.ListDomains(ctx, "no-organization-id")))
		checkNotFound(failure(service.GetDomain(ctx, domain.GetId(), nowhere)))
		seen["message"] = err.Error()
	})

	step("delete", func(details) {
		succeeds(service.DeleteDomain(ctx, domain.GetId(), acme))
		checkNotFound(failure(service.GetDomain(ctx, domain.GetId(), acme)))
		checkNotFound(service.DeleteDomain(ctx, domain.GetId(), acme))
		check(!slices.ContainsFunc(list(acme), func(each *domains.Domain) bool {
			return proto.Equal(each, domain)
		}), "still listed")
	})

	step("domain_is_free_again", func(details) {
		check(create(globex, domain.GetDomain()).GetId() != domain.GetId(), "the old one came back")
		deleteOrganizations(globex)
		create(acme, domain.GetDomain())
		deleteOrganizations(acme)
	})
}
