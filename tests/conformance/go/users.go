package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scalekit-inc/scalekit-sdk-go/v2"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/commons"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/roles"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/users"
	"google.golang.org/protobuf/proto"
)

func email(name string) string {
	return name + "." + run + "@example.com"
}

func membership(user *users.User, organizationID string) *commons.OrganizationMembership {
	for _, each := range user.GetMemberships() {
		if each.GetOrganizationId() == organizationID {
			return each
		}
	}
	panic(failed{fmt.Sprintf("no membership of %s in %v", organizationID, user)})
}

func organizationIDs(user *users.User) []string {
	found := []string{}
	for _, each := range user.GetMemberships() {
		found = append(found, each.GetOrganizationId())
	}
	slices.Sort(found)
	return found
}

// profileNames returns the given name by its newer and its older name, and the family name so.
func profileNames(user *users.User) []string {
	profile := user.GetUserProfile()
	return []string{profile.GetGivenName(), profile.GetFirstName(), profile.GetFamilyName(), profile.GetLastName()}
}

func named(roleNames ...string) []*commons.Role {
	found := []*commons.Role{}
	for _, name := range roleNames {
		found = append(found, &commons.Role{Name: name})
	}
	return found
}

func driveUsers() {
	service := client.User()
	create := func(organizationID string, user *users.CreateUser, invite bool) *users.User {
		return must(service.CreateUserAndMembership(ctx, organizationID, user, invite)).GetUser()
	}
	refusal := func(organizationID string, user *users.CreateUser) error {
		return failure(service.CreateUserAndMembership(ctx, organizationID, user, false))
	}
	get := func(id string) *users.User {
		return must(service.GetUser(ctx, id)).GetUser()
	}
	held := func(organizationID, userID string) []string {
		return names(must(service.ListUserRoles(ctx, organizationID, userID)).GetRoles())
	}
	memberIDs := func(organizationID string) []string {
		return ids(must(service.ListOrganizationUsers(ctx, organizationID, nil)).GetUsers())
	}

	const (
		day     = 24 * time.Hour
		nobody  = "usr_" + unknown
		nowhere = "org_" + unknown
	)
	acme, globex, initech := createOrganization("Acme"), createOrganization("Globex"), createOrganization("Initech")
	environmentRoles := must(client.Role().ListRoles(ctx)).GetRoles()
	defaultRole := environmentRoles[slices.IndexFunc(environmentRoles, (*roles.Role).GetDefaultMember)]
	var ada, bob, carl, dora, eve *users.User
	var ours []string

	step("create_active", func(seen details) {
		profile := &users.CreateUserProfile{
			GivenName:         "Ada",
			FamilyName:        "Lovelace",
			Name:              "Ada Lovelace",
			Locale:            "en-GB",
			PhoneNumber:       "+442071234567",
			PreferredUsername: "ada",
			Picture:           proto.String("https://example.com/ada.png"),
			Gender:            proto.String("female"),
			Groups:            []string{"engineering", "mathematics"},
			Metadata:          map[string]string{"source": "payroll"},
			CustomAttributes:  map[string]string{"desk": "4b"},
		}
		ada = create(acme, &users.CreateUser{
			Email:       email("ada"),
			ExternalId:  proto.String("ada-" + run),
			Metadata:    map[string]string{"plan": "gold", "team": "engines"},
			UserProfile: profile,
		}, false)
		check(strings.HasPrefix(ada.GetId(), "usr_"), "id %q", ada.GetId())
		equal(ada.GetEmail(), email("ada"))
		equal(ada.GetExternalId(), "ada-"+run)
		equal(ada.GetMetadata(), map[string]string{"plan": "gold", "team": "engines"})
		check(strings.HasPrefix(ada.GetEnvironmentId(), "env_"), "environment %q", ada.GetEnvironmentId())
		check(ada.GetCreateTime().GetSeconds() > 0, "no create_time")
		check(ada.GetUpdateTime().GetSeconds() > 0, "no update_time")
		got := ada.GetUserProfile()
		equal(got.GetGivenName(), profile.GetGivenName())
		equal(got.GetFamilyName(), profile.GetFamilyName())
		equal(got.GetName(), profile.GetName())
		equal(got.GetLocale(), profile.GetLocale())
		equal(got.GetPhoneNumber(), profile.GetPhoneNumber())
		equal(got.GetPreferredUsername(), profile.GetPreferredUsername())
		equal(got.GetPicture(), profile.GetPicture())
		equal(got.GetGender(), profile.GetGender())
		equal(got.GetGroups(), profile.GetGroups())
		equal(got.GetMetadata(), profile.GetMetadata())
		equal(got.GetCustomAttributes(), profile.GetCustomAttributes())
		check(got.GetEmailVerified(), "the e-mail is not verified")
		equal(organizationIDs(ada), []string{acme})
		place := membership(ada, acme)
		equal(place.GetMembershipStatus(), commons.MembershipStatus_ACTIVE)
		equal(names(place.GetRoles()), []string{defaultRole.GetName()})
		equal(place.GetDisplayName(), "Acme "+run)
		check(place.GetJoinTime().GetSeconds() > 0, "no join_time")
		equal(place.GetProvisioningMethod(), "direct_provision")
		seen["id"] = ada.GetId()
	})

	step("create_invited", func(seen details) {
		bob = create(acme, &users.CreateUser{
			Email: email("bob"),
			Membership: &users.CreateMembership{
				Roles:        named(defaultRole.GetName()),
				Metadata:     map[string]string{"desk": "5a"},
				InviterEmail: proto.String(email("ada")),
			},
		}, true)
		check(!bob.GetUserProfile().GetEmailVerified(), "the e-mail is verified")
		place := membership(bob, acme)
		equal(place.GetMembershipStatus(), commons.MembershipStatus_PENDING_INVITE)
		equal(names(place.GetRoles()), []string{defaultRole.GetName()})
		equal(place.GetMetadata(), map[string]string{"desk": "5a"})
		equal(place.GetInviterEmail(), email("ada"))
		equal(place.GetProvisioningMethod(), "invitation")
		check(place.GetCreatedAt() != nil, "no created_at")
		check(place.GetJoinTime() != nil, "no join_time")
		check(place.GetAcceptedAt() == nil, "accepted at %v", place.GetAcceptedAt())
		expires := place.GetExpiresAt().AsTime()
		check(expires.After(time.Now().Add(day)), "expires at %v", expires)
		seen["expires_in_days"] = expires.Sub(place.GetCreatedAt().AsTime()).Hours() / 24
	})

	step("get", func(details) {
		same(get(ada.GetId()), ada)
		same(get(bob.GetId()), bob)
	})

	step("get_by_external_id", func(details) {
		same(must(service.GetUserByExternalId(ctx, "ada-"+run)).GetUser(), ada)
	})

	step("profile_names", func(details) {
		carl = create(acme, &users.CreateUser{
			Email:       email("carl"),
			ExternalId:  proto.String("carl-" + run),
			UserProfile: &users.CreateUserProfile{FirstName: "Carl", LastName: "Gauss"},
		}, false)
		equal(profileNames(carl), []string{"Carl", "Carl", "Gauss", "Gauss"})
		carl = must(service.UpdateUser(ctx, carl.GetId(), &users.UpdateUser{
			UserProfile: &users.UpdateUserProfile{GivenName: proto.String("C. F."), FirstName: proto.String("Karl")},
		})).GetUser()
		equal(profileNames(carl), []string{"C. F.", "C. F.", "Gauss", "Gauss"})
	})

	step("update_by_id", func(details) {
		updated := must(service.UpdateUser(ctx, ada.GetId(), &users.UpdateUser{
			ExternalId: proto.String("ada-two-" + run),
			UserProfile: &users.UpdateUserProfile{
				GivenName: proto.String("Augusta"),
				Locale:    proto.String("en-US"),
			},
			Metadata: map[string]string{"plan": "silver"},
		})).GetUser()
		equal(updated.GetId(), ada.GetId())
		equal(updated.GetEmail(), ada.GetEmail())
		equal(updated.GetExternalId(), "ada-two-"+run)
		equal(updated.GetMetadata(), map[string]string{"plan": "silver"})
		equal(profileNames(updated), []string{"Augusta", "Augusta", "Lovelace", "Lovelace"})
		equal(updated.GetUserProfile().GetLocale(), "en-US")
		equal(updated.GetUserProfile().GetPhoneNumber(), ada.GetUserProfile().GetPhoneNumber())
		equal(updated.GetUserProfile().GetGroups(), ada.GetUserProfile().GetGroups())
		same(get(ada.GetId()), updated)
		checkNotFound(failure(service.GetUserByExternalId(ctx, "ada-"+run)))
	})

	step("update_by_external_id", func(details) {
		updated := must(service.UpdateUserByExternalId(ctx, "ada-two-"+run, &users.UpdateUser{
			UserProfile: &users.UpdateUserProfile{FamilyName: proto.String("King")},
		})).GetUser()
		equal(updated.GetId(), ada.GetId())
		equal(profileNames(updated), []string{"Augusta", "Augusta", "King", "King"})
		equal(updated.GetMetadata(), map[string]string{"plan": "silver"})
		same(get(ada.GetId()), updated)
	})

	step("list_pages", func(seen details) {
		dora = create(acme, &users.CreateUser{Email: email("dora")}, false)
		eve = create(acme, &users.CreateUser{Email: email("eve"), ExternalId: proto.String("eve-" + run)}, false)
		ours = ids([]*users.User{ada, bob, carl, dora, eve})
		seen["listed"] = len(readPages(func(token string) ([]*users.User, listing) {
			page := must(service.ListUsers(ctx, &scalekit.ListUsersOptions{PageSize: 2, PageToken: token}))
			for _, user := range page.GetUsers() {
				check(user.GetEnvironmentId() != "", "no environment_id")
			}
			return page.GetUsers(), page
		}, ours))
	})

	step("list_organization_pages", func(details) {
		read := func(token string) *scalekit.ListOrganizationUsersResponse {
			page := must(service.ListOrganizationUsers(ctx, acme,
				&scalekit.ListUsersOptions{PageSize: 2, PageToken: token}))
			equal(int(page.GetTotalSize()), len(ours))
			for _, user := range page.GetUsers() {
				check(user.GetEnvironmentId() != "", "no environment_id")
				equal(organizationIDs(user), []string{acme})
			}
			return page
		}
		listed := readPages(func(token string) ([]*users.User, listing) {
			page := read(token)
			return page.GetUsers(), page
		}, ours)
		equal(listed, reversed(ours))
		first := read("")
		equal(first.GetPrevPageToken(), "")
		second := read(first.GetNextPageToken())
		sameAll(read(second.GetPrevPageToken()).GetUsers(), first.GetUsers()...)
		equal(memberIDs(acme), reversed(ours))
		equal(memberIDs(globex), []string{})
	})

	board := &users.CreateMembership{Roles: named("admin"), Metadata: map[string]string{"team": "board"}}

	step("create_membership", func(details) {
		joined := must(service.CreateMembership(ctx, globex, ada.GetId(), board, false)).GetUser()
		equal(joined.GetId(), ada.GetId())
		equal(len(joined.GetMemberships()), 2)
		place := membership(joined, globex)
		equal(place.GetMembershipStatus(), commons.MembershipStatus_ACTIVE)
		equal(names(place.GetRoles()), []string{"admin"})
		equal(place.GetMetadata(), board.GetMetadata())
		same(get(ada.GetId()), joined)
		invited := must(service.CreateMembership(ctx, globex, bob.GetId(), &users.CreateMembership{}, true))
		place = membership(invited.GetUser(), globex)
		equal(place.GetMembershipStatus(), commons.MembershipStatus_PENDING_INVITE)
		check(place.GetJoinTime() != nil, "no join_time")
		equal(names(place.GetRoles()), []string{defaultRole.GetName()})
		role := environmentRoles[1]
		for user, by := range map[*users.User]*commons.Role{
			carl: {Id: role.GetId()},
			dora: {Id: role.GetId(), Name: role.GetName()},
		} {
			must(service.CreateMembership(ctx, globex, user.GetId(),
				&users.CreateMembership{Roles: []*commons.Role{by}}, false))
			equal(held(globex, user.GetId()), []string{role.GetName()})
		}
	})

	step("create_membership_refused", func(details) {
		nothing := &users.CreateMembership{}
		strange := &users.CreateMembership{Roles: named("nobody_" + run)}
		checkBadRequest(failure(service.CreateMembership(ctx, globex, ada.GetId(), board, true)))
		checkRefused(failure(service.CreateMembership(ctx, globex, eve.GetId(), strange, true)))
		checkNotFound(failure(service.CreateMembership(ctx, globex, nobody, nothing, true)))
		checkNotFound(failure(service.CreateMembership(ctx, nowhere, eve.GetId(), nothing, true)))
		check(!slices.Contains(memberIDs(globex), eve.GetId()), "joined all the same")
	})

	step("update_membership", func(details) {
		must(service.CreateMembership(ctx, initech, ada.GetId(), board, false))
		updated := must(service.UpdateMembership(ctx, initech, ada.GetId(),
			&users.UpdateMembership{Roles: named(defaultRole.GetName())})).GetUser()
		equal(len(updated.GetMemberships()), 3)
		place := membership(updated, initech)
		equal(names(place.GetRoles()), []string{defaultRole.GetName()})
		equal(place.GetMetadata(), board.GetMetadata())
		equal(held(initech, ada.GetId()), []string{defaultRole.GetName()})
		equal(held(globex, ada.GetId()), []string{"admin"})
		place = membership(must(service.UpdateMembership(ctx, initech, ada.GetId(),
			&users.UpdateMembership{Metadata: map[string]string{"floor": "two"}})).GetUser(), initech)
		equal(place.GetMetadata(), map[string]string{"floor": "two"})
		equal(names(place.GetRoles()), []string{defaultRole.GetName()})
	})

	step("membership_by_external_id", func(details) {
		externalID := "eve-" + run
		joined := must(service.CreateMembershipByExternalId(ctx, initech, externalID,
			&users.CreateMembership{}, false)).GetUser()
		equal(joined.GetId(), eve.GetId())
		equal(membership(joined, initech).GetMembershipStatus(), commons.MembershipStatus_ACTIVE)
		updated := must(service.UpdateMembershipByExternalId(ctx, initech, externalID, &users.UpdateMembership{
			Roles: named("admin"), Metadata: map[string]string{"level": "senior"},
		})).GetUser()
		equal(membership(updated, initech).GetMetadata(), map[string]string{"level": "senior"})
		equal(held(initech, eve.GetId()), []string{"admin"})
		// The last admin among others may not go, so ada becomes one too.
		must(service.UpdateMembershipByExternalId(ctx, initech, "ada-two-"+run,
			&users.UpdateMembership{Roles: named("admin")}))
		succeeds(service.DeleteMembershipByExternalId(ctx, initech, externalID, false))
		checkRefused(service.DeleteMembershipByExternalId(ctx, initech, externalID, false))
		equal(get(eve.GetId()).GetId(), eve.GetId())
	})

	reads, writes := "docs:read_"+run, "docs:write_"+run
	reader, writer := "reader_"+run, "writer_"+run

	step("roles_and_permissions", func(details) {
		for _, name := range []string{reads, writes} {
			must(client.Permission().CreatePermission(ctx, &roles.CreatePermission{Name: name}))
		}
		must(client.Role().CreateRole(ctx, &roles.CreateRole{
			Name: reader, DisplayName: "Reader", Permissions: []string{reads},
		}))
		must(client.Role().CreateRole(ctx, &roles.CreateRole{
			Name: writer, DisplayName: "Writer", Permissions: []string{writes}, Extends: &reader,
		}))
		for _, user := range []*users.User{dora, bob} { // active and invited
			updated := must(service.UpdateMembership(ctx, globex, user.GetId(),
				&users.UpdateMembership{Roles: named(writer)})).GetUser()
			permissions := slices.Sorted(slices.Values(membership(updated, globex).GetPermissions()))
			equal(permissions, []string{reads, writes})
			held := must(service.ListUserRoles(ctx, globex, user.GetId())).GetRoles()
			equal(names(held), []string{writer})
			check(strings.HasPrefix(held[0].GetId(), "role_"), "id %q", held[0].GetId())
			equal(held[0].GetDisplayName(), "Writer")
			effective := must(service.ListUserPermissions(ctx, globex, user.GetId())).GetPermissions()
			equal(names(effective), []string{reads, writes})
			check(strings.HasPrefix(effective[0].GetId(), "perm_"), "id %q", effective[0].GetId())
		}
		check(!slices.Contains(held(acme, dora.GetId()), writer), "held in another organization too")
	})

	step("resend_invite", func(seen details) {
		before := membership(get(bob.GetId()), acme)
		for _, count := range []int32{1, 2} {
			invite := must(service.ResendInvite(ctx, acme, bob.GetId())).GetInvite()
			equal([]string{invite.GetOrganizationId(), invite.GetUserId()}, []string{acme, bob.GetId()})
			equal(invite.GetStatus(), "PENDING_INVITE")
			equal(invite.GetInviterEmail(), email("ada"))
			same(invite.GetCreatedAt(), before.GetCreatedAt())
			same(invite.GetExpiresAt(), before.GetExpiresAt())
			check(invite.GetResentAt() != nil, "no resent_at")
			equal(invite.GetResentCount(), count)
		}
		err := failure(service.ResendInvite(ctx, acme, ada.GetId()))
		checkBadRequest(err)
		checkNotFound(failure(service.ResendInvite(ctx, initech, bob.GetId())))
		seen["message"] = err.Error()
	})

	small := createOrganization("Small")
	var first, second *users.User

	step("seat_limit", func(seen details) {
		limit := func(most int32) {
			must(client.Organization().UpsertUserManagementSettings(ctx, small,
				scalekit.OrganizationUserManagementSettings{MaxAllowedUsers: &most}))
		}
		limit(1)
		first = create(small, &users.CreateUser{Email: email("first")}, true)
		err := refusal(small, &users.CreateUser{Email: email("second")})
		checkBadRequest(err)
		check(strings.Contains(err.Error(), "limit"), "text: %v", err)
		checkBadRequest(failure(service.CreateMembership(ctx, small, ada.GetId(), &users.CreateMembership{}, false)))
		equal(memberIDs(small), []string{first.GetId()})
		limit(0)
		second = create(small, &users.CreateUser{Email: email("second")}, false)
		equal(memberIDs(small), []string{second.GetId(), first.GetId()})
		seen["message"] = err.Error()
	})

	step("delete_membership", func(details) {
		succeeds(service.DeleteMembership(ctx, globex, carl.GetId(), false))
		check(!slices.Contains(memberIDs(globex), carl.GetId()), "still listed")
		equal(organizationIDs(get(carl.GetId())), []string{acme})
		checkNotFound(service.DeleteMembership(ctx, globex, carl.GetId(), false))
		succeeds(service.DeleteMembership(ctx, acme, carl.GetId(), false))
		equal(organizationIDs(get(carl.GetId())), []string{})
	})

	step("delete_membership_cascade", func(details) {
		succeeds(service.DeleteMembership(ctx, globex, dora.GetId(), true))
		equal(organizationIDs(get(dora.GetId())), []string{acme})
		succeeds(service.DeleteMembership(ctx, acme, dora.GetId(), true))
		checkNotFound(failure(service.GetUser(ctx, dora.GetId())))
		dora = create(acme, &users.CreateUser{Email: email("dora")}, false)
	})

	step("duplicate_email", func(seen details) {
		err := refusal(globex, &users.CreateUser{Email: email("eve")})
		checkDuplicate("email", err)
		checkDuplicate("email", refusal(globex, &users.CreateUser{Email: strings.ToUpper(email("eve"))}))
		seen["message"] = err.Error()
	})

	step("duplicate_external_id", func(seen details) {
		externalID := "eve-" + run
		err := refusal(acme, &users.CreateUser{Email: email("twin"), ExternalId: &externalID})
		checkDuplicate("external_id", err)
		change := &users.UpdateUser{ExternalId: &externalID}
		checkDuplicate("external_id", failure(service.UpdateUser(ctx, dora.GetId(), change)))
		seen["message"] = err.Error()
	})

	step("bad_field", func(seen details) {
		seen["violations"] = checkBadField("email", refusal(acme, &users.CreateUser{Email: "nobody"}))
		checkBadField("metadata", refusal(acme, &users.CreateUser{
			Email: email("mallory"), Metadata: map[string]string{"k": "too short a key"},
		}))
		checkBadField("given_name", failure(service.UpdateUser(ctx, eve.GetId(), &users.UpdateUser{
			UserProfile: &users.UpdateUserProfile{GivenName: proto.String(strings.Repeat("x", 256))},
		})))
	})

	step("not_found", func(seen details) {
		err := failure(service.GetUser(ctx, nobody))
		checkNotFound(err)
		change := &users.UpdateUser{Metadata: map[string]string{"plan": "gold"}}
		checkNotFound(failure(service.GetUserByExternalId(ctx, "nobody-"+run)))
		checkNotFound(failure(service.UpdateUser(ctx, nobody, change)))
		checkNotFound(failure(service.UpdateUserByExternalId(ctx, "nobody-"+run, change)))
		checkNotFound(service.DeleteUser(ctx, nobody))
		checkNotFound(service.DeleteUserByExternalId(ctx, "nobody-"+run))
		checkNotFound(refusal(nowhere, &users.CreateUser{Email: email("mallory")}))
		checkNotFound(failure(service.ListOrganizationUsers(ctx, nowhere, nil)))
		checkNotFound(failure(service.UpdateMembership(ctx, globex, eve.GetId(), &users.UpdateMembership{})))
		checkNotFound(failure(service.ListUserRoles(ctx, globex, eve.GetId())))
		checkNotFound(failure(service.ListUserPermissions(ctx, globex, eve.GetId())))
		seen["message"] = err.Error()
	})

	step("delete", func(details) {
		succeeds(service.DeleteUser(ctx, carl.GetId())) // without a membership by now
		succeeds(service.DeleteUser(ctx, dora.GetId()))
		for _, id := range ids([]*users.User{carl, dora}) {
			checkNotFound(failure(service.GetUser(ctx, id)))
			checkNotFound(service.DeleteUser(ctx, id))
			check(!slices.Contains(memberIDs(acme), id), "still listed")
		}
		checkNotFound(failure(service.GetUserByExternalId(ctx, "carl-"+run)))
	})

	step("delete_by_external_id", func(details) {
		succeeds(service.DeleteUserByExternalId(ctx, "eve-"+run))
		checkNotFound(failure(service.GetUser(ctx, eve.GetId())))
		checkNotFound(service.DeleteUserByExternalId(ctx, "eve-"+run))
	})

	var heir *users.User

	step("email_and_external_id_are_free_again", func(details) {
		heir = create(acme, &users.CreateUser{Email: email("eve"), ExternalId: proto.String("eve-" + run)}, false)
		check(heir.GetId() != eve.GetId(), "the old user came back")
	})

	step("delete_organization", func(details) {
		deleteOrganizations(acme)
		checkNotFound(failure(service.GetUser(ctx, heir.GetId()))) // was nowhere else
		equal(organizationIDs(get(ada.GetId())), slices.Sorted(slices.Values([]string{globex, initech})))
		deleteOrganizations(globex, initech, small)
		for _, id := range ids([]*users.User{ada, bob, first, second}) {
			checkNotFound(failure(service.GetUser(ctx, id)))
		}
		for _, name := range []string{writer, reader} {
			succeeds(client.Role().DeleteRole(ctx, name))
		}
		for _, name := range []string{reads, writes} {
			succeeds(client.Permission().DeletePermission(ctx, name))
		}
	})
}
