package main

import (
	"os"
	"strings"

	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/connections"
)

func driveConnections() {
	service := client.Connection()
	url := os.Getenv("SCALEKIT_ENVIRONMENT_URL")
	acme, globex := createOrganization("Acme"), createOrganization("Globex")
	asked := func(provider connections.ConnectionProvider, kind connections.ConnectionType) *connections.CreateConnection {
		return &connections.CreateConnection{Provider: provider, Type: kind}
	}
	create := func(provider connections.ConnectionProvider, kind connections.ConnectionType) *connections.Connection {
		return must(service.CreateConnection(ctx, acme, asked(provider, kind))).GetConnection()
	}
	get := func(id string) *connections.Connection {
		return must(service.GetConnection(ctx, acme, id)).GetConnection()
	}
	list := func() []string {
		var listed []string
		for _, one := range must(service.ListConnections(ctx, acme)).GetConnections() {
			listed = append(listed, one.GetId())
		}
		return listed
	}

	const (
		okta      = connections.ConnectionProvider_OKTA
		github    = connections.ConnectionProvider_GITHUB
		simulated = connections.ConnectionProvider_IDP_SIMULATOR
		nothing   = "conn_" + unknown
	)
	var oidc, saml, simulator *connections.Connection

	step("create", func(seen details) {
		oidc = create(okta, connections.ConnectionType_OIDC)
		check(strings.HasPrefix(oidc.GetId(), "conn_"), "id %q", oidc.GetId())
		equal(oidc.GetProvider(), okta)
		equal(oidc.GetOrganizationId(), acme)
		equal(oidc.GetStatus(), connections.ConnectionStatus_DRAFT)
		equal(oidc.GetEnabled(), false)
		equal(oidc.GetTestConnectionUri(), url+"/sso/v1/oidc/"+oidc.GetId()+"/test")
		saml = create(okta, connections.ConnectionType_SAML)
		equal(saml.GetSamlConfig().GetSpEntityId(), url+"/sso/v1/saml/"+saml.GetId())
		seen["id"] = oidc.GetId()
	})

	step("create_refused", func(details) {
		checkBadRequest(failure(service.CreateConnection(ctx, acme, asked(github, connections.ConnectionType_OAUTH))))
	})

	step("get", func(details) {
		same(get(oidc.GetId()), oidc)
	})

	step("list", func(details) {
		equal(list(), []string{oidc.GetId(), saml.GetId()})
	})

	step("enable_refused", func(details) {
		checkBadRequest(failure(service.EnableConnection(ctx, acme, oidc.GetId())))
	})

	step("enable_and_disable", func(details) {
		simulator = create(simulated, connections.ConnectionType_OIDC)
		equal(simulator.GetStatus(), connections.ConnectionStatus_COMPLETED)
		equal(must(service.EnableConnection(ctx, acme, simulator.GetId())).GetEnabled(), true)
		equal(get(simulator.GetId()).GetEnabled(), true)
		equal(must(service.DisableConnection(ctx, acme, simulator.GetId())).GetEnabled(), false)
	})

	step("list_by_domain", func(details) {
		must(service.EnableConnection(ctx, acme, simulator.GetId()))
		name := "acme-" + run + ".com"
		must(client.Domain().CreateDomain(ctx, acme, name))
		for _, one := range must(service.ListConnectionsByDomain(ctx, name)).GetConnections() {
			equal(one.GetDomains(), []string{name})
			equal(one.GetEnabled(), one.GetId() == simulator.GetId())
		}
		equal(len(must(service.ListConnectionsByDomain(ctx, "not-"+name)).GetConnections()), 0)
	})

	step("not_found", func(seen details) {
		err := failure(service.GetConnection(ctx, acme, nothing))
		checkNotFound(err)
		checkNotFound(failure(service.GetConnection(ctx, globex, oidc.GetId())))
		checkNotFound(failure(service.EnableConnection(ctx, globex, simulator.GetId())))
		seen["message"] = err.Error()
	})

	step("delete", func(details) {
		for _, one := range []*connections.Connection{oidc, saml, simulator} {
			succeeds(service.DeleteConnection(ctx, acme, one.GetId()))
		}
		checkNotFound(failure(service.GetConnection(ctx, acme, oidc.GetId())))
		equal(len(list()), 0)
		deleteOrganizations(acme, globex)
	})
}
