package main

import (
	"slices"
	"strings"

	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/roles"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/users"
	"google.golang.org/protobuf/proto"
)

func driveRoles() {
	service, permissions := client.Role(), client.Permission()

	permissionRefusal := func(name string) error {
		return failure(permissions.CreatePermission(ctx, &roles.CreatePermission{Name: name}))
	}
	createPermission := func(name, description string) *roles.Permission {
		return must(permissions.CreatePermission(ctx,
			&roles.CreatePermission{Name: name, Description: description})).GetPermission()
	}
	getPermission := func(name string) *roles.Permission {
		return must(permissions.GetPermission(ctx, name)).GetPermission()
	}
	create := func(role *roles.CreateRole) *roles.Role {
		role.DisplayName = "The " + role.GetName()
		return must(service.CreateRole(ctx, role)).GetRole()
	}
	get := func(name string) *roles.Role {
		return must(service.GetRole(ctx, name)).GetRole()
	}
	update := func(name string, change *roles.UpdateRole) *roles.Role {
		return must(service.UpdateRole(ctx, name, change)).GetRole()
	}
	createIn := func(organizationID string, role *roles.CreateOrganizationRole) *roles.Role {
		role.DisplayName = "The " + role.GetName()
		return must(service.CreateOrganizationRole(ctx, organizationID, role)).GetRole()
	}
	refusalIn := func(organizationID, name string) error {
		return failure(service.CreateOrganizationRole(ctx, organizationID,
			&roles.CreateOrganizationRole{Name: name, DisplayName: "The " + name}))
	}
	getIn := func(organizationID, name string) *roles.Role {
		return must(service.GetOrganizationRole(ctx, organizationID, name)).GetRole()
	}
	granted := func(role string) []string {
		return names(must(permissions.ListRolePermissions(ctx, role)).GetPermissions())
	}
	effective := func(role string) []string {
		return names(must(permissions.ListEffectiveRolePermissions(ctx, role)).GetPermissions())
	}
	add := func(role, permission string) []string {
		return names(must(permissions.AddPermissionsToRole(ctx, role, []string{permission})).GetPermissions())
	}
	count := func(role string) int64 {
		return must(service.GetRoleUsersCount(ctx, role)).GetCount()
	}
	countIn := func(organizationID, role string) int64 {
		return must(service.GetOrganizationRoleUsersCount(ctx, organizationID, role)).GetCount()
	}
	dependents := func(role string) []string {
		return names(must(service.ListDependentRoles(ctx, role)).GetRoles())
	}
	createUser := func(organizationID, name string, roleNames ...string) string {
		return must(client.User().CreateUserAndMembership(ctx, organizationID, &users.CreateUser{
			Email:      email(name),
			Membership: &users.CreateMembership{Roles: named(roleNames...)},
		}, true)).GetUser().GetId()
	}
	held := func(organizationID, userID string) []string {
		return names(must(client.User().ListUserRoles(ctx, organizationID, userID)).GetRoles())
	}
	checkHeld := func(err error) {
		status, _ := rpcError(err)
		checkBadRequest(err)
		equal(status.Message(), "role cannot be deleted as it is assigned to users")
	}

	acme, globex := createOrganization("Acme"), createOrganization("Globex")
	read, write, erase := "docs:read_"+run, "docs:write_"+run, "docs:erase_"+run
	viewer, editor, owner := "viewer_"+run, "editor_"+run, "owner_"+run
	local, lead, clerk := "local_"+run, "lead_"+run, "clerk_"+run
	nobody := "nobody_" + run
	none := []string{}
	var permission *roles.Permission
	var role *roles.Role
	var member, ada, carl string

	step("create_permission", func(seen details) {
		permission = createPermission(read, "Read documents")
		check(strings.HasPrefix(permission.GetId(), "perm_"), "id %q", permission.GetId())
		equal(permission.GetName(), read)
		equal(permission.GetDescription(), "Read documents")
		check(!permission.GetIsScalekitPermission(), "built in")
		check(permission.GetCreateTime().GetSeconds() > 0, "no create_time")
		check(permission.GetUpdateTime().GetSeconds() > 0, "no update_time")
		equal(createPermission(write, "").GetDescription(), "")
		equal(createPermission(erase, "").GetDescription(), "")
		seen["id"] = permission.GetId()
	})

	step("get_permission", func(details) {
		same(getPermission(read), permission)
	})

	step("update_permission", func(details) {
		updated := must(permissions.UpdatePermission(ctx, read,
			&roles.CreatePermission{Name: read, Description: "Read any document"})).GetPermission()
		equal(updated.GetId(), permission.GetId())
		equal(updated.GetName(), read)
		equal(updated.GetDescription(), "Read any document")
		same(getPermission(read), updated)
	})

	step("list_permissions", func(seen details) {
		ours := []string{}
		for _, name := range []string{read, write, erase} {
			ours = append(ours, getPermission(name).GetId())
		}
		page := must(permissions.ListPermissions(ctx, "", 0)).GetPermissions()
		equal(ids(page)[:3], reversed(ours))
		seen["listed"] = len(readPages(func(token string) ([]*roles.Permission, listing) {
			answer := must(permissions.ListPermissions(ctx, token, 2))
			return answer.GetPermissions(), answer
		}, ours))
	})

	step("built_in_permissions", func(details) {
		page := must(permissions.ListPermissions(ctx, "", 100)).GetPermissions()
		builtIn := names(slices.DeleteFunc(page, func(each *roles.Permission) bool {
			return !each.GetIsScalekitPermission()
		}))
		equal(len(builtIn), 12)
		ofAdmin, ofMember := effective("admin"), effective("member")
		for _, name := range builtIn {
			check(strings.HasPrefix(name, "sk_org_"), "%s", name)
			check(slices.Contains(ofAdmin, name), "admin lacks %s", name)
		}
		for _, name := range []string{"sk_org_settings_read", "sk_org_users_read"} {
			check(slices.Contains(ofMember, name), "member lacks %s", name)
		}
		checkBadRequest(permissions.DeletePermission(ctx, builtIn[0]))
		checkBadRequest(failure(permissions.UpdatePermission(ctx, builtIn[0],
			&roles.CreatePermission{Name: builtIn[0], Description: "ours now"})))
	})

	step("permission_refused", func(seen details) {
		err := permissionRefusal(read)
		checkDuplicate("name", err)
		for _, name := range []string{"", "docs.read", strings.Repeat("x", 65)} {
			checkBadField("name", permissionRefusal(name))
		}
		checkNotFound(failure(permissions.GetPermission(ctx, nobody)))
		checkNotFound(failure(permissions.UpdatePermission(ctx, nobody, &roles.CreatePermission{Name: nobody})))
		checkNotFound(permissions.DeletePermission(ctx, nobody))
		seen["message"] = err.Error()
	})

	step("create_role", func(seen details) {
		role = create(&roles.CreateRole{Name: viewer, Description: proto.String("Looks")})
		check(strings.HasPrefix(role.GetId(), "role_"), "id %q", role.GetId())
		equal(role.GetName(), viewer)
		equal(role.GetDisplayName(), "The "+viewer)
		equal(role.GetDescription(), "Looks")
		check(!role.GetDefaultCreator() && !role.GetDefaultMember(), "a default")
		check(!role.GetIsOrgRole(), "of an organization")
		check(role.Extends == nil, "extends %v", role.Extends)
		seen["id"] = role.GetId()
	})

	step("get_role", func(details) {
		same(get(viewer), role)
	})

	step("list_roles", func(details) {
		createIn(acme, &roles.CreateOrganizationRole{Name: local})
		listed := must(service.ListRoles(ctx)).GetRoles()
		creators, members := 0, 0
		for _, each := range listed {
			check(each.GetId() != "" && each.GetName() != "" && each.GetDisplayName() != "", "%v", each)
			check(!each.GetIsOrgRole(), "%v is of an organization", each)
			if each.GetDefaultCreator() {
				creators++
			}
			if each.GetDefaultMember() {
				members++
			}
		}
		equal([]int{creators, members}, []int{1, 1})
		equal([]string{listed[0].GetName(), listed[1].GetName()}, []string{"admin", "member"})
		equal(listed[len(listed)-1].GetName(), viewer)
	})

	step("update_role", func(details) {
		updated := update(viewer, &roles.UpdateRole{DisplayName: proto.String("Onlooker")})
		equal(updated.GetId(), role.GetId())
		equal(updated.GetName(), viewer)
		equal(updated.GetDisplayName(), "Onlooker")
		equal(updated.GetDescription(), "Looks")
		updated = update(viewer, &roles.UpdateRole{Description: proto.String("Looks on")})
		equal(updated.GetDisplayName(), "Onlooker")
		equal(updated.GetDescription(), "Looks on")
		same(get(viewer), updated)
	})

	step("role_permissions", func(details) {
		equal(granted(viewer), none)
		equal(add(viewer, read), []string{read})
		equal(add(viewer, write), []string{read, write})
		equal(granted(viewer), []string{read, write})
		succeeds(permissions.RemovePermissionFromRole(ctx, viewer, write))
		equal(granted(viewer), []string{read})
		update(viewer, &roles.UpdateRole{Permissions: []string{write, erase}})
		equal(granted(viewer), []string{erase, write})
		update(viewer, &roles.UpdateRole{DisplayName: proto.String("Viewer")})
		equal(granted(viewer), []string{erase, write})
		update(viewer, &roles.UpdateRole{Permissions: []string{read}})
		equal(granted(viewer), []string{read})
	})

	step("role_permissions_unknown", func(details) {
		equal(add(viewer, nobody), []string{read}) // an unknown name is passed over
		checkBadRequest(failure(permissions.AddPermissionsToRole(ctx, viewer, []string{"docs.read"})))
		checkNotFound(permissions.RemovePermissionFromRole(ctx, viewer, nobody))
		checkBadRequest(permissions.RemovePermissionFromRole(ctx, viewer, "docs.read"))
		checkNotFound(failure(permissions.ListRolePermissions(ctx, nobody)))
		checkNotFound(failure(permissions.ListRolePermissions(ctx, "no-body")))
		checkNotFound(failure(permissions.ListEffectiveRolePermissions(ctx, nobody)))
		checkNotFound(failure(permissions.AddPermissionsToRole(ctx, nobody, []string{read})))
		checkNotFound(permissions.RemovePermissionFromRole(ctx, nobody, read))
	})

	step("inheritance", func(details) {
		equal(create(&roles.CreateRole{
			Name: editor, Extends: &viewer, Permissions: []string{write},
		}).GetExtends(), viewer)
		equal(create(&roles.CreateRole{Name: owner, Extends: &editor}).GetExtends(), editor)
		equal(granted(owner), none)
		equal(effective(owner), []string{read, write})
		equal(effective(editor), []string{read, write})
		equal(dependents(viewer), []string{editor})
		equal(get(viewer).GetDependentRolesCount(), int32(1))
		equal(dependents(owner), none)
		// A circle.
		checkBadRequest(failure(service.UpdateRole(ctx, viewer, &roles.UpdateRole{Extends: &owner})))
		checkBadRequest(service.DeleteRole(ctx, viewer)) // editor depends on it
	})

	step("delete_role_base", func(details) {
		succeeds(service.DeleteRoleBase(ctx, owner))
		check(get(owner).Extends == nil, "extends is present")
		equal(effective(owner), none)
		equal(dependents(editor), none)
		equal(update(owner, &roles.UpdateRole{Extends: &editor}).GetExtends(), editor)
		equal(effective(owner), []string{read, write})
	})

	step("users_count", func(details) {
		equal(count(owner), int64(0))
		ada = createUser(acme, "ada", owner) // invited: that counts
		equal(count(owner), int64(1))
		equal(countIn(acme, local), int64(0))
	})

	step("delete_held_role", func(details) {
		checkHeld(service.DeleteRole(ctx, owner))
		successor := create(&roles.CreateRole{Name: "successor_" + run}).GetName()
		succeeds(service.DeleteRole(ctx, owner, successor))
		checkNotFound(failure(service.GetRole(ctx, owner)))
		equal(held(acme, ada), []string{successor})
		equal(count(successor), int64(1))
		checkHeld(service.DeleteRole(ctx, successor))
		succeeds(client.User().DeleteMembership(ctx, acme, ada, false))
		succeeds(service.DeleteRole(ctx, successor))
		checkNotFound(failure(service.GetRole(ctx, successor)))
		succeeds(client.User().DeleteUser(ctx, ada))
	})

	step("delete_base_with_replacement", func(details) {
		create(&roles.CreateRole{Name: owner})
		succeeds(service.DeleteRole(ctx, viewer, owner))
		checkNotFound(failure(service.GetRole(ctx, viewer)))
		equal(get(editor).GetExtends(), owner)
		equal(dependents(owner), []string{editor})
	})

	step("default_roles", func(details) {
		listed := must(service.ListRoles(ctx)).GetRoles()
		creator := listed[slices.IndexFunc(listed, (*roles.Role).GetDefaultCreator)].GetName()
		member = listed[slices.IndexFunc(listed, (*roles.Role).GetDefaultMember)].GetName()
		func() {
			defer func() { must(service.UpdateDefaultRoles(ctx, creator, member)) }()
			answer := must(service.UpdateDefaultRoles(ctx, owner, editor))
			same(answer.GetDefaultCreator(), get(owner))
			same(answer.GetDefaultMember(), get(editor))
			check(get(owner).GetDefaultCreator(), "not the creator's role")
			check(get(editor).GetDefaultMember(), "not the member's role")
			check(!get(member).GetDefaultMember(), "two default roles")
			checkBadRequest(service.DeleteRole(ctx, editor))
			bob := createUser(acme, "bob")
			equal(held(acme, bob), []string{editor})
			succeeds(client.User().DeleteUser(ctx, bob))
			checkRefused(failure(service.UpdateDefaultRoles(ctx, nobody, member)))
		}()
		check(get(member).GetDefaultMember(), "not restored")
	})

	step("role_refused", func(seen details) {
		refusal := func(name string) error {
			return failure(service.CreateRole(ctx, &roles.CreateRole{Name: name, DisplayName: "The " + name}))
		}
		err := refusal(editor)
		checkDuplicate("name", err)
		for _, name := range []string{"", "no-body", strings.Repeat("x", 65)} {
			checkBadField("name", refusal(name))
		}
		checkNotFound(failure(service.GetRole(ctx, nobody)))
		change := &roles.UpdateRole{DisplayName: proto.String("Nobody")}
		checkNotFound(failure(service.UpdateRole(ctx, nobody, change)))
		checkNotFound(service.DeleteRole(ctx, nobody))
		checkNotFound(service.DeleteRoleBase(ctx, nobody))
		checkNotFound(failure(service.GetRoleUsersCount(ctx, nobody)))
		checkNotFound(failure(service.ListDependentRoles(ctx, nobody)))
		seen["message"] = err.Error()
	})

	step("delete_role", func(details) {
		for _, name := range []string{editor, owner} {
			succeeds(service.DeleteRole(ctx, name))
			checkNotFound(failure(service.GetRole(ctx, name)))
		}
		checkNotFound(service.DeleteRole(ctx, owner))
		create(&roles.CreateRole{Name: owner, Permissions: []string{erase}})
		equal(granted(owner), []string{erase})
	})

	step("delete_permission", func(details) {
		for _, name := range []string{read, write, erase} { // owner holds the last
			succeeds(permissions.DeletePermission(ctx, name))
			checkNotFound(failure(permissions.GetPermission(ctx, name)))
		}
		equal(granted(owner), none)
		succeeds(service.DeleteRole(ctx, owner))
		succeeds(permissions.DeletePermission(ctx, createPermission(read, "").GetName()))
	})

	step("create_organization_role", func(details) {
		role = createIn(acme, &roles.CreateOrganizationRole{Name: clerk, Description: proto.String("Files")})
		check(strings.HasPrefix(role.GetId(), "role_"), "id %q", role.GetId())
		equal(role.GetName(), clerk)
		equal(role.GetDisplayName(), "The "+clerk)
		equal(role.GetDescription(), "Files")
		check(role.GetIsOrgRole(), "not of an organization")
		// A name is one organization's own.
		other := createIn(globex, &roles.CreateOrganizationRole{Name: clerk})
		check(other.GetId() != role.GetId(), "one role for both")
	})

	step("get_organization_role", func(details) {
		same(getIn(acme, clerk), role)
	})

	step("list_organization_roles", func(details) {
		list := func(organizationID string) map[string]*roles.Role {
			found := map[string]*roles.Role{}
			for _, each := range must(service.ListOrganizationRoles(ctx, organizationID)).GetRoles() {
				found[each.GetName()] = each
			}
			return found
		}
		listed := list(acme)
		for _, name := range []string{"admin", "member", local, clerk} {
			check(listed[name] != nil, "%s is not listed", name)
		}
		check(listed[clerk].GetIsOrgRole(), "not of an organization")
		check(!listed["admin"].GetIsOrgRole(), "admin is of the environment")
		check(list(globex)[local] == nil, "another organization's role is listed")
	})

	step("update_organization_role", func(details) {
		updated := must(service.UpdateOrganizationRole(ctx, acme, clerk,
			&roles.UpdateRole{DisplayName: proto.String("Senior clerk")})).GetRole()
		equal(updated.GetId(), role.GetId())
		equal(updated.GetName(), clerk)
		equal(updated.GetDisplayName(), "Senior clerk")
		equal(updated.GetDescription(), "Files")
		check(updated.GetIsOrgRole(), "not of an organization")
		same(getIn(acme, clerk), updated)
		equal(getIn(globex, clerk).GetDisplayName(), "The "+clerk)
	})

	step("delete_organization_role_base", func(details) {
		equal(createIn(acme, &roles.CreateOrganizationRole{Name: lead, Extends: &clerk}).GetExtends(), clerk)
		checkBadRequest(service.DeleteOrganizationRole(ctx, acme, clerk))
		succeeds(service.DeleteOrganizationRoleBase(ctx, acme, lead))
		check(getIn(acme, lead).Extends == nil, "extends is present")
	})

	step("delete_held_organization_role", func(details) {
		equal(countIn(acme, clerk), int64(0))
		carl = createUser(acme, "carl", clerk)
		equal(countIn(acme, clerk), int64(1))
		checkHeld(service.DeleteOrganizationRole(ctx, acme, clerk))
		succeeds(service.DeleteOrganizationRole(ctx, acme, clerk, lead))
		checkNotFound(failure(service.GetOrganizationRole(ctx, acme, clerk)))
		equal(held(acme, carl), []string{lead})
	})

	step("default_organization_role", func(details) {
		answer := must(service.UpdateDefaultOrganizationRoles(ctx, acme, local))
		equal(answer.GetDefaultMember().GetName(), local)
		dora := createUser(acme, "dora")
		equal(held(acme, dora), []string{local})
		succeeds(client.User().DeleteUser(ctx, dora))
		succeeds(service.DeleteOrganizationRole(ctx, acme, local))
		equal(held(acme, createUser(acme, "eve")), []string{member})
	})

	step("organization_role_refused", func(seen details) {
		err := refusalIn(acme, lead)
		checkDuplicate("name", err)
		checkDuplicate("name", refusalIn(acme, "admin"))
		checkBadField("org_id", refusalIn("", nobody))
		checkNotFound(refusalIn("org_"+unknown, nobody))
		checkNotFound(failure(service.GetOrganizationRole(ctx, globex, lead)))
		change := &roles.UpdateRole{DisplayName: proto.String("Nobody")}
		checkNotFound(failure(service.UpdateOrganizationRole(ctx, globex, lead, change)))
		checkNotFound(service.DeleteOrganizationRole(ctx, globex, lead))
		checkNotFound(service.DeleteOrganizationRoleBase(ctx, globex, lead))
		checkNotFound(failure(service.GetOrganizationRoleUsersCount(ctx, globex, lead)))
		checkRefused(failure(service.UpdateDefaultOrganizationRoles(ctx, acme, nobody)))
		seen["message"] = err.Error()
	})

	step("delete_organization_role", func(details) {
		succeeds(client.User().DeleteUser(ctx, carl))
		succeeds(service.DeleteOrganizationRole(ctx, acme, lead))
		checkNotFound(failure(service.GetOrganizationRole(ctx, acme, lead)))
		checkNotFound(service.DeleteOrganizationRole(ctx, acme, lead))
		deleteOrganizations(acme, globex) // globex with its role
	})
}
