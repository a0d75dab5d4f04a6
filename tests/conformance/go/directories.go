package main

import (
	"os"
	"strings"

	scalekit "github.com/scalekit-inc/scalekit-sdk-go/v2"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/directories"
)

func driveDirectories() {
	service := client.Directory()
	url := os.Getenv("SCALEKIT_ENVIRONMENT_URL")
	acme, globex := createOrganization("Acme"), createOrganization("Globex")
	asked := func(kind directories.DirectoryType, provider directories.DirectoryProvider) *directories.CreateDirectory {
		return &directories.CreateDirectory{DirectoryType: kind, DirectoryProvider: provider}
	}
	create := func(provider directories.DirectoryProvider) *directories.Directory {
		return must(service.CreateDirectory(ctx, acme, asked(directories.DirectoryType_SCIM, provider))).GetDirectory()
	}
	get := func(id string) *directories.Directory {
		return must(service.GetDirectory(ctx, acme, id)).GetDirectory()
	}
	list := func() []string {
		var listed []string
		for _, one := range must(service.ListDirectories(ctx, acme)).GetDirectories() {
			listed = append(listed, one.GetId())
		}
		return listed
	}
	var okta, entra *directories.Directory

	step("create", func(seen details) {
		okta = create(directories.DirectoryProvider_OKTA)
		check(strings.HasPrefix(okta.GetId(), "dir_"), "id %q", okta.GetId())
		equal(okta.GetDirectoryType(), directories.DirectoryType_SCIM)
		equal(okta.GetDirectoryProvider(), directories.DirectoryProvider_OKTA)
		equal(okta.GetOrganizationId(), acme)
		equal(okta.GetStatus(), "DRAFT")
		equal(okta.GetEnabled(), true)
		equal(okta.GetDirectoryEndpoint(), url+"/directory/"+okta.GetId()+"/scim/v2")
		seen["id"] = okta.GetId()
	})

	step("create_refused", func(details) {
		ldap := asked(directories.DirectoryType_LDAP, directories.DirectoryProvider_OKTA)
		checkBadRequest(failure(service.CreateDirectory(ctx, acme, ldap)))
	})

	step("get", func(details) {
		same(get(okta.GetId()), okta)
	})

	step("list", func(details) {
		entra = create(directories.DirectoryProvider_MICROSOFT_AD)
		equal(list(), []string{okta.GetId(), entra.GetId()})
		primary := must(service.GetPrimaryDirectoryByOrganizationId(ctx, acme))
		equal(primary.GetDirectory().GetId(), okta.GetId())
	})

	step("enable_and_disable", func(details) {
		equal(must(service.EnableDirectory(ctx, acme, okta.GetId())).GetEnabled(), true)
		equal(get(okta.GetId()).GetEnabled(), true)
		equal(must(service.DisableDirectory(ctx, acme, okta.GetId())).GetEnabled(), false)
	})

	step("people", func(details) {
		people := &scalekit.ListDirectoryUsersOptions{PageSize: 30}
		users := must(service.ListDirectoryUsers(ctx, acme, okta.GetId(), people))
		equal(len(users.GetUsers()), 0)
		equal(users.GetTotalSize(), uint32(0))
		some := &scalekit.ListDirectoryGroupsOptions{PageSize: 30}
		groups := must(service.ListDirectoryGroups(ctx, acme, okta.GetId(), some))
		equal(len(groups.GetGroups()), 0)
	})

	step("not_found", func(seen details) {
		err := failure(service.GetDirectory(ctx, acme, "dir_"+unknown))
		checkNotFound(err)
		checkNotFound(failure(service.GetDirectory(ctx, globex, okta.GetId())))
		checkNotFound(failure(service.EnableDirectory(ctx, globex, okta.GetId())))
		seen["message"] = err.Error()
	})

	step("delete", func(details) {
		checkBadRequest(service.DeleteDirectory(ctx, acme, entra.GetId()))
		for _, one := range []*directories.Directory{okta, entra} {
			must(service.DisableDirectory(ctx, acme, one.GetId()))
			succeeds(service.DeleteDirectory(ctx, acme, one.GetId()))
		}
		checkNotFound(failure(service.GetDirectory(ctx, acme, okta.GetId())))
		equal(len(list()), 0)
		deleteOrganizations(acme, globex)
	})
}
