import com.scalekit.api.UserClient;
import com.scalekit.grpc.scalekit.v1.commons.MembershipStatus;
import com.scalekit.grpc.scalekit.v1.commons.OrganizationMembership;
import com.scalekit.grpc.scalekit.v1.commons.Role;
import com.scalekit.grpc.scalekit.v1.commons.UserProfile;
import com.scalekit.grpc.scalekit.v1.organizations.OrganizationUserManagementSettings;
import com.scalekit.grpc.scalekit.v1.roles.CreatePermission;
import com.scalekit.grpc.scalekit.v1.roles.CreatePermissionRequest;
import com.scalekit.grpc.scalekit.v1.roles.CreateRole;
import com.scalekit.grpc.scalekit.v1.roles.CreateRoleRequest;
import com.scalekit.grpc.scalekit.v1.users.CreateMembership;
import com.scalekit.grpc.scalekit.v1.users.CreateMembershipRequest;
import com.scalekit.grpc.scalekit.v1.users.CreateUser;
import com.scalekit.grpc.scalekit.v1.users.CreateUserAndMembershipRequest;
import com.scalekit.grpc.scalekit.v1.users.CreateUserProfile;
import com.scalekit.grpc.scalekit.v1.users.Invite;
import com.scalekit.grpc.scalekit.v1.users.ListOrganizationUsersRequest;
import com.scalekit.grpc.scalekit.v1.users.ListOrganizationUsersResponse;
import com.scalekit.grpc.scalekit.v1.users.ListUsersRequest;
import com.scalekit.grpc.scalekit.v1.users.ListUsersResponse;
import com.scalekit.grpc.scalekit.v1.users.Permission;
import com.scalekit.grpc.scalekit.v1.users.SearchOrganizationUsersRequest;
import com.scalekit.grpc.scalekit.v1.users.SearchOrganizationUsersResponse;
import com.scalekit.grpc.scalekit.v1.users.SearchUsersRequest;
import com.scalekit.grpc.scalekit.v1.users.SearchUsersResponse;
import com.scalekit.grpc.scalekit.v1.users.UpdateMembership;
import com.scalekit.grpc.scalekit.v1.users.UpdateMembershipRequest;
import com.scalekit.grpc.scalekit.v1.users.UpdateUser;
import com.scalekit.grpc.scalekit.v1.users.UpdateUserProfile;
import com.scalekit.grpc.scalekit.v1.users.UpdateUserRequest;
import com.scalekit.grpc.scalekit.v1.users.User;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Drive UserService with the official Java SDK and say what was seen, step by step.
 *
 * <p>Reads SCALEKIT_ENVIRONMENT_URL (port 443, none other is possible), SCALEKIT_CLIENT_ID and
 * SCALEKIT_CLIENT_SECRET. Prints one line of JSON per step of ../steps.json; the first step that
 * fails ends the program.
 */
public final class Users extends Steps {

  private static final String NOBODY = "usr_" + UNKNOWN;
  private static final String NOWHERE = "org_" + UNKNOWN;
  private static final int DAY = 24 * 60 * 60;

  private static final UserClient users = client.users();
  private static final String acme = createOrganization("Acme");
  private static final String globex = createOrganization("Globex");
  private static final String initech = createOrganization("Initech");
  private static final String small = createOrganization("Small");
  private static final com.scalekit.grpc.scalekit.v1.roles.Role defaultRole =
      client.roles().listRoles().getRolesList().stream()
          .filter(role -> role.getDefaultMember())
          .findFirst()
          .orElseThrow();
  private static final CreateMembership board = membershipOf("admin", "team", "board");
  private static final String reads = "docs:read_" + RUN;
  private static final String writes = "docs:write_" + RUN;
  private static final String reader = "reader_" + RUN;
  private static final String writer = "writer_" + RUN;

  private static User ada;
  private static User bob;
  private static User carl;
  private static User dora;
  private static User eve;
  private static User first;
  private static User second;
  private static User heir;
  private static List<String> ours;

  public static void main(String[] arguments) {
    step("create_active", Users::createActive);
    step("create_invited", Users::createInvited);
    step("get", Users::getThem);
    step("get_by_external_id", () -> equal(getByExternalId("ada-" + RUN), ada));
    step("profile_names", Users::profileNames);
    step("update_by_id", Users::updateById);
    step("update_by_external_id", Users::updateByExternalId);
    step("list_pages", Users::listPages);
    step("list_organization_pages", Users::listOrganizationPages);
    step("search", Users::search);
    step("search_organization", Users::searchOrganization);
    step("create_membership", Users::createMembership);
    step("create_membership_refused", Users::createMembershipRefused);
    step("update_membership", Users::updateMembership);
    step("membership_by_external_id", Users::membershipByExternalId);
    step("roles_and_permissions", Users::rolesAndPermissions);
    step("resend_invite", Users::resendInvite);
    step("seat_limit", Users::seatLimit);
    step("delete_membership", Users::deleteMembership);
    step("duplicate_email", Users::duplicateEmail);
    step("duplicate_external_id", Users::duplicateExternalId);
    step("bad_field", Users::badField);
    step("not_found", Users::notFound);
    step("delete", Users::delete);
    step("delete_by_external_id", Users::deleteByExternalId);
    step("email_and_external_id_are_free_again", Users::emailAndExternalIdAreFreeAgain);
    step("delete_organization", Users::deleteOrganization);
    System.exit(0); // the SDK's threads outlive main
  }

  private static void createActive() {
    var profile =
        CreateUserProfile.newBuilder()
            .setGivenName("Ada")
            .setFamilyName("Lovelace")
            .setName("Ada Lovelace")
            .setLocale("en-GB")
            .setPhoneNumber("+442071234567")
            .setPreferredUsername("ada")
            .setPicture("https://example.com/ada.png")
            .setGender("female")
            .addAllGroups(List.of("engineering", "mathematics"))
            .putMetadata("source", "payroll")
            .putCustomAttributes("desk", "4b")
            .build();
    ada =
        create(
            acme,
            user("ada")
                .setExternalId("ada-" + RUN)
                .putMetadata("plan", "gold")
                .putMetadata("team", "engines")
                .setUserProfile(profile),
            false);
    check(ada.getId().startsWith("usr_"), ada);
    equal(ada.getEmail(), email("ada"));
    equal(ada.getExternalId(), "ada-" + RUN);
    equal(ada.getMetadataMap(), Map.of("plan", "gold", "team", "engines"));
    check(ada.getEnvironmentId().startsWith("env_"), ada);
    check(ada.getCreateTime().getSeconds() > 0, ada);
    check(ada.getUpdateTime().getSeconds() > 0, ada);
    UserProfile got = ada.getUserProfile();
    equal(got.getGivenName(), profile.getGivenName());
    equal(got.getFamilyName(), profile.getFamilyName());
    equal(got.getName(), profile.getName());
    equal(got.getLocale(), profile.getLocale());
    equal(got.getPhoneNumber(), profile.getPhoneNumber());
    equal(got.getPreferredUsername(), profile.getPreferredUsername());
    equal(got.getPicture(), profile.getPicture());
    equal(got.getGender(), profile.getGender());
    equal(got.getGroupsList(), profile.getGroupsList());
    equal(got.getMetadataMap(), profile.getMetadataMap());
    equal(got.getCustomAttributesMap(), profile.getCustomAttributesMap());
    check(got.getEmailVerified(), got);
    equal(organizationsOf(ada), List.of(acme));
    OrganizationMembership place = membership(ada, acme);
    equal(place.getMembershipStatus(), MembershipStatus.ACTIVE);
    equal(roleNames(place), List.of(defaultRole.getName()));
    equal(place.getDisplayName(), "Acme " + RUN);
    check(place.hasJoinTime(), place);
    equal(place.getProvisioningMethod(), "direct_provision");
  }

  private static void createInvited() {
    CreateMembership membership =
        membershipOf(defaultRole.getName(), "desk", "5a").toBuilder()
            .setInviterEmail(email("ada"))
            .build();
    bob = create(acme, user("bob").setMembership(membership), true);
    check(!bob.getUserProfile().getEmailVerified(), bob);
    OrganizationMembership place = membership(bob, acme);
    equal(place.getMembershipStatus(), MembershipStatus.PENDING_INVITE);
    equal(roleNames(place), List.of(defaultRole.getName()));
    equal(place.getMetadataMap(), Map.of("desk", "5a"));
    equal(place.getInviterEmail(), email("ada"));
    equal(place.getProvisioningMethod(), "invitation");
    check(place.hasCreatedAt(), place);
    check(place.hasJoinTime(), place);
    check(!place.hasAcceptedAt(), place);
    check(place.getExpiresAt().getSeconds() > Instant.now().getEpochSecond() + DAY, place);
  }

  private static void getThem() {
    equal(get(ada.getId()), ada);
    equal(get(bob.getId()), bob);
  }

  private static void profileNames() {
    var older = CreateUserProfile.newBuilder().setFirstName("Carl").setLastName("Gauss");
    carl = create(acme, user("carl").setExternalId("carl-" + RUN).setUserProfile(older), false);
    equal(namesOf(carl), List.of("Carl", "Carl", "Gauss", "Gauss"));
    var newer = UpdateUserProfile.newBuilder().setGivenName("C. F.").setFirstName("Karl");
    carl = update(carl.getId(), UpdateUser.newBuilder().setUserProfile(newer));
    equal(namesOf(carl), List.of("C. F.", "C. F.", "Gauss", "Gauss"));
  }

  private static void updateById() {
    var profile = UpdateUserProfile.newBuilder().setGivenName("Augusta").setLocale("en-US");
    User updated =
        update(
            ada.getId(),
            UpdateUser.newBuilder()
                .setExternalId("ada-two-" + RUN)
                .setUserProfile(profile)
                .putMetadata("plan", "silver"));
    equal(updated.getId(), ada.getId());
    equal(updated.getEmail(), ada.getEmail());
    equal(updated.getExternalId(), "ada-two-" + RUN);
    equal(updated.getMetadataMap(), Map.of("plan", "silver"));
    equal(namesOf(updated), List.of("Augusta", "Augusta", "Lovelace", "Lovelace"));
    equal(updated.getUserProfile().getLocale(), "en-US");
    equal(
        updated.getUserProfile().getPhoneNumber(), ada.getUserProfile().getPhoneNumber());
    equal(updated.getUserProfile().getGroupsList(), ada.getUserProfile().getGroupsList());
    equal(get(ada.getId()), updated);
    checkNotFound(() -> getByExternalId("ada-" + RUN));
  }

  private static void updateByExternalId() {
    var profile = UpdateUserProfile.newBuilder().setFamilyName("King");
    var request =
        UpdateUserRequest.newBuilder()
            .setUser(UpdateUser.newBuilder().setUserProfile(profile))
            .build();
    User updated = users.updateUserByExternalId("ada-two-" + RUN, request).getUser();
    equal(updated.getId(), ada.getId());
    equal(namesOf(updated), List.of("Augusta", "Augusta", "King", "King"));
    equal(updated.getMetadataMap(), Map.of("plan", "silver"));
    equal(get(ada.getId()), updated);
  }

  private static void listPages() {
    dora = create(acme, user("dora"), false);
    eve = create(acme, user("eve").setExternalId("eve-" + RUN), false);
    ours = each(List.of(ada, bob, carl, dora, eve), User::getId);
    readPages(
        token -> {
          ListUsersResponse page =
              users.listUsers(
                  ListUsersRequest.newBuilder().setPageSize(2).setPageToken(token).build());
          for (User user : page.getUsersList()) {
            check(!user.getEnvironmentId().isEmpty(), user);
          }
          return new Page(
              each(page.getUsersList(), User::getId),
              page.getTotalSize(),
              page.getNextPageToken());
        },
        ours);
  }

  private static void listOrganizationPages() {
    readPages(
        token -> {
          ListOrganizationUsersResponse page = membersPage(token);
          equal(page.getTotalSize(), ours.size());
          for (User user : page.getUsersList()) {
            check(!user.getEnvironmentId().isEmpty(), user);
            equal(organizationsOf(user), List.of(acme));
          }
          return new Page(
              each(page.getUsersList(), User::getId),
              page.getTotalSize(),
              page.getNextPageToken());
        },
        ours);
    ListOrganizationUsersResponse one = membersPage("");
    equal(one.getPrevPageToken(), "");
    ListOrganizationUsersResponse two = membersPage(one.getNextPageToken());
    equal(membersPage(two.getPrevPageToken()).getUsersList(), one.getUsersList());
    equal(memberIds(acme), reversed(ours));
    equal(memberIds(globex), List.of());
  }

  private static ListOrganizationUsersResponse membersPage(String token) {
    return users.listOrganizationUsers(
        acme,
        ListOrganizationUsersRequest.newBuilder().setPageSize(2).setPageToken(token).build());
  }

  private static void search() {
    for (String query :
        List.of(email("ada").toUpperCase(), "ada." + RUN, ada.getId(), "ADA-TWO-" + RUN)) {
      SearchUsersResponse found = search(query, "");
      equal(each(found.getUsersList(), User::getId), List.of(ada.getId()));
      equal(found.getTotalSize(), 1);
    }
    SearchUsersResponse one = search("." + RUN + "@", "");
    equal(one.getTotalSize(), ours.size());
    SearchUsersResponse two = search("." + RUN + "@", one.getNextPageToken());
    equal(
        Stream.concat(one.getUsersList().stream(), two.getUsersList().stream())
            .map(User::getId)
            .toList(),
        reversed(ours));
    equal(two.getNextPageToken(), "");
    SearchUsersResponse none = search("nothing-" + RUN, "");
    equal(none.getUsersCount(), 0);
    equal(none.getTotalSize(), 0);
    equal(none.getNextPageToken(), "");
    checkBadField("query", () -> search("ad", ""));
  }

  private static SearchUsersResponse search(String query, String token) {
    return users.searchUsers(
        SearchUsersRequest.newBuilder()
            .setQuery(query)
            .setPageSize(3)
            .setPageToken(token)
            .build());
  }

  private static void searchOrganization() {
    SearchOrganizationUsersResponse found = searchIn(acme, "ADA." + RUN);
    equal(each(found.getUsersList(), User::getId), List.of(ada.getId()));
    equal(found.getTotalSize(), 1);
    equal(organizationsOf(found.getUsers(0)), List.of(acme));
    SearchOrganizationUsersResponse two = searchIn(acme, RUN);
    equal(each(two.getUsersList(), User::getId), List.of(eve.getId(), dora.getId()));
    equal(two.getTotalSize(), ours.size());
    equal(searchIn(globex, RUN).getUsersCount(), 0);
    equal(searchIn(globex, RUN).getTotalSize(), 0);
    checkNotFound(() -> searchIn(NOWHERE, RUN));
  }

  private static SearchOrganizationUsersResponse searchIn(String organizationId, String query) {
    return users.searchOrganizationUsers(
        organizationId,
        SearchOrganizationUsersRequest.newBuilder().setQuery(query).setPageSize(2).build());
  }

  private static void createMembership() {
    User joined = join(globex, ada.getId(), board, false);
    equal(joined.getId(), ada.getId());
    equal(joined.getMembershipsCount(), 2);
    OrganizationMembership place = membership(joined, globex);
    equal(place.getMembershipStatus(), MembershipStatus.ACTIVE);
    equal(roleNames(place), List.of("admin"));
    equal(place.getMetadataMap(), board.getMetadataMap());
    equal(get(ada.getId()), joined);
    var request =
        CreateMembershipRequest.newBuilder()
            .setMembership(CreateMembership.getDefaultInstance())
            .build();
    User invited = users.createMembership(globex, bob.getId(), request).getUser();
    place = membership(invited, globex);
    equal(place.getMembershipStatus(), MembershipStatus.PENDING_INVITE);
    check(place.hasJoinTime(), place);
    equal(roleNames(place), List.of(defaultRole.getName()));
    Role byId = Role.newBuilder().setId(defaultRole.getId()).build();
    Role byBoth = byId.toBuilder().setName(defaultRole.getName()).build();
    join(globex, carl.getId(), CreateMembership.newBuilder().addRoles(byId).build(), false);
    join(globex, dora.getId(), CreateMembership.newBuilder().addRoles(byBoth).build(), false);
    equal(held(globex, carl.getId()), List.of(defaultRole.getName()));
    equal(held(globex, dora.getId()), List.of(defaultRole.getName()));
  }

  private static void createMembershipRefused() {
    CreateMembership nothing = CreateMembership.getDefaultInstance();
    CreateMembership strange = membershipOf("nobody_" + RUN, "team", "none");
    checkBadRequest(() -> join(globex, ada.getId(), board, true));
    checkRefused(() -> join(globex, eve.getId(), strange, true));
    checkNotFound(() -> join(globex, NOBODY, nothing, true));
    checkNotFound(() -> join(NOWHERE, eve.getId(), nothing, true));
    check(!memberIds(globex).contains(eve.getId()), "joined all the same");
  }

  private static void updateMembership() {
    join(initech, ada.getId(), board, false);
    User updated = update(initech, ada.getId(), withRoles(defaultRole.getName()));
    equal(updated.getMembershipsCount(), 3);
    OrganizationMembership place = membership(updated, initech);
    equal(roleNames(place), List.of(defaultRole.getName()));
    equal(place.getMetadataMap(), board.getMetadataMap());
    equal(held(initech, ada.getId()), List.of(defaultRole.getName()));
    equal(held(globex, ada.getId()), List.of("admin"));
    var change = UpdateMembership.newBuilder().putMetadata("floor", "two");
    place = membership(update(initech, ada.getId(), change), initech);
    equal(place.getMetadataMap(), Map.of("floor", "two"));
    equal(roleNames(place), List.of(defaultRole.getName()));
  }

  private static void membershipByExternalId() {
    String externalId = "eve-" + RUN;
    var request =
        CreateMembershipRequest.newBuilder()
            .setMembership(CreateMembership.getDefaultInstance())
            .setSendInvitationEmail(false)
            .build();
    User joined = users.createMembershipByExternalId(initech, externalId, request).getUser();
    equal(joined.getId(), eve.getId());
    equal(membership(joined, initech).getMembershipStatus(), MembershipStatus.ACTIVE);
    var change = withRoles("admin").putMetadata("level", "senior");
    User updated =
        users
            .updateMembershipByExternalId(initech, externalId, changing(change))
            .getUser();
    equal(membership(updated, initech).getMetadataMap(), Map.of("level", "senior"));
    equal(held(initech, eve.getId()), List.of("admin"));
    // The last admin among others may not go, so ada becomes one too.
    users.updateMembershipByExternalId(initech, "ada-two-" + RUN, changing(withRoles("admin")));
    users.deleteMembershipByExternalId(initech, externalId);
    checkRefused(() -> users.deleteMembershipByExternalId(initech, externalId));
    equal(get(eve.getId()).getId(), eve.getId());
  }

  private static void rolesAndPermissions() {
    for (String name : List.of(reads, writes)) {
      var permission = CreatePermission.newBuilder().setName(name);
      client
          .permissions()
          .createPermission(CreatePermissionRequest.newBuilder().setPermission(permission).build());
    }
    var base =
        CreateRole.newBuilder().setName(reader).setDisplayName("Reader").addPermissions(reads);
    var child =
        CreateRole.newBuilder()
            .setName(writer)
            .setDisplayName("Writer")
            .setExtends(reader)
            .addPermissions(writes);
    client.roles().createRole(CreateRoleRequest.newBuilder().setRole(base).build());
    client.roles().createRole(CreateRoleRequest.newBuilder().setRole(child).build());
    for (User user : List.of(dora, bob)) { // active and invited
      User updated = update(globex, user.getId(), withRoles(writer));
      List<String> both = List.of(reads, writes);
      equal(membership(updated, globex).getPermissionsList().stream().sorted().toList(), both);
      List<Role> roles = users.listUserRoles(globex, user.getId()).getRolesList();
      equal(each(roles, Role::getName), List.of(writer));
      check(roles.get(0).getId().startsWith("role_"), roles);
      equal(roles.get(0).getDisplayName(), "Writer");
      List<Permission> permissions =
          users.listUserPermissions(globex, user.getId()).getPermissionsList();
      equal(sorted(permissions, Permission::getName), both);
      check(permissions.get(0).getId().startsWith("perm_"), permissions);
    }
    check(!held(acme, dora.getId()).contains(writer), "held in another organization too");
  }

  private static void resendInvite() {
    OrganizationMembership before = membership(get(bob.getId()), acme);
    for (int count : List.of(1, 2)) {
      Invite invite = users.resendInvite(acme, bob.getId()).getInvite();
      equal(invite.getOrganizationId(), acme);
      equal(invite.getUserId(), bob.getId());
      equal(invite.getStatus(), "PENDING_INVITE");
      equal(invite.getInviterEmail(), email("ada"));
      equal(invite.getCreatedAt(), before.getCreatedAt());
      equal(invite.getExpiresAt(), before.getExpiresAt());
      check(invite.hasResentAt(), invite);
      equal(invite.getResentCount(), count);
    }
    checkBadRequest(() -> users.resendInvite(acme, ada.getId()));
    checkNotFound(() -> users.resendInvite(initech, bob.getId()));
  }

  private static void seatLimit() {
    limit(1);
    first = create(small, user("first"), true);
    String message = checkBadRequest(() -> create(small, user("second"), false)).getMessage();
    check(message.contains("limit"), message);
    checkBadRequest(
        () -> join(small, ada.getId(), CreateMembership.getDefaultInstance(), false));
    equal(memberIds(small), List.of(first.getId()));
    limit(0);
    second = create(small, user("second"), false);
    equal(memberIds(small), List.of(second.getId(), first.getId()));
  }

  private static void limit(int most) {
    var settings = OrganizationUserManagementSettings.newBuilder();
    settings.getMaxAllowedUsersBuilder().setValue(most);
    client.organizations().upsertUserManagementSettings(small, settings.build());
  }

  private static void deleteMembership() {
    users.deleteMembership(globex, carl.getId());
    check(!memberIds(globex).contains(carl.getId()), "still listed");
    equal(organizationsOf(get(carl.getId())), List.of(acme));
    checkNotFound(() -> users.deleteMembership(globex, carl.getId()));
    users.deleteMembership(acme, carl.getId());
    equal(organizationsOf(get(carl.getId())), List.of());
  }

  private static void duplicateEmail() {
    checkDuplicate("email", () -> create(globex, user("eve"), false));
    var shouted = CreateUser.newBuilder().setEmail(email("eve").toUpperCase());
    checkDuplicate("email", () -> create(globex, shouted, false));
  }

  private static void duplicateExternalId() {
    String externalId = "eve-" + RUN;
    checkDuplicate(
        "external_id", () -> create(acme, user("twin").setExternalId(externalId), false));
    checkDuplicate(
        "external_id",
        () -> update(dora.getId(), UpdateUser.newBuilder().setExternalId(externalId)));
  }

  private static void badField() {
    checkBadField(
        "email", () -> create(acme, CreateUser.newBuilder().setEmail("nobody"), false));
    checkBadField(
        "metadata",
        () -> create(acme, user("mallory").putMetadata("k", "too short a key"), false));
    var profile = UpdateUserProfile.newBuilder().setGivenName("x".repeat(256));
    checkBadField(
        "given_name",
        () -> update(eve.getId(), UpdateUser.newBuilder().setUserProfile(profile)));
  }

  private static void notFound() {
    checkNotFound(() -> get(NOBODY));
    checkNotFound(() -> getByExternalId("nobody-" + RUN));
    checkNotFound(() -> update(NOBODY, UpdateUser.newBuilder().putMetadata("plan", "gold")));
    checkNotFound(() -> users.deleteUser(NOBODY));
    checkNotFound(() -> users.deleteUserByExternalId("nobody-" + RUN));
    checkNotFound(() -> create(NOWHERE, user("mallory"), false));
    checkNotFound(() -> memberIds(NOWHERE));
    checkNotFound(() -> update(globex, eve.getId(), UpdateMembership.newBuilder()));
    checkNotFound(() -> held(globex, eve.getId()));
    checkNotFound(() -> users.listUserPermissions(globex, eve.getId()));
  }

  private static void delete() {
    users.deleteUser(carl.getId()); // without a membership by now
    users.deleteUser(dora.getId());
    for (String id : List.of(carl.getId(), dora.getId())) {
      checkNotFound(() -> get(id));
      checkNotFound(() -> users.deleteUser(id));
      check(!memberIds(acme).contains(id), "still listed");
    }
    checkNotFound(() -> getByExternalId("carl-" + RUN));
    equal(search("dora." + RUN, "").getUsersCount(), 0);
  }

  private static void deleteByExternalId() {
    users.deleteUserByExternalId("eve-" + RUN);
    checkNotFound(() -> get(eve.getId()));
    checkNotFound(() -> users.deleteUserByExternalId("eve-" + RUN));
  }

  private static void emailAndExternalIdAreFreeAgain() {
    heir = create(acme, user("eve").setExternalId("eve-" + RUN), false);
    check(!heir.getId().equals(eve.getId()), "the old user came back");
  }

  private static void deleteOrganization() {
    deleteOrganizations(acme);
    checkNotFound(() -> get(heir.getId())); // was nowhere else
    equal(
        organizationsOf(get(ada.getId())), Stream.of(globex, initech).sorted().toList());
    deleteOrganizations(globex, initech, small);
    for (User user : List.of(ada, bob, first, second)) {
      checkNotFound(() -> get(user.getId()));
    }
    client.roles().deleteRole(writer);
    client.roles().deleteRole(reader);
    client.permissions().deletePermission(reads);
    client.permissions().deletePermission(writes);
  }

  private static String email(String name) {
    return name + "." + RUN + "@example.com";
  }

  private static CreateUser.Builder user(String name) {
    return CreateUser.newBuilder().setEmail(email(name));
  }

  private static User create(String organizationId, CreateUser.Builder user, boolean invite) {
    var request =
        CreateUserAndMembershipRequest.newBuilder().setUser(user).setSendInvitationEmail(invite);
    return users.createUserAndMembership(organizationId, request.build()).getUser();
  }

  private static User get(String id) {
    return users.getUser(id).getUser();
  }

  private static User getByExternalId(String externalId) {
    return users.getUserByExternalId(externalId).getUser();
  }

  private static User update(String id, UpdateUser.Builder user) {
    return users.updateUser(id, UpdateUserRequest.newBuilder().setUser(user).build()).getUser();
  }

  private static CreateMembership membershipOf(String role, String key, String value) {
    return CreateMembership.newBuilder()
        .addRoles(Role.newBuilder().setName(role))
        .putMetadata(key, value)
        .build();
  }

  private static User join(
      String organizationId, String userId, CreateMembership membership, boolean invite) {
    var request =
        CreateMembershipRequest.newBuilder()
            .setMembership(membership)
            .setSendInvitationEmail(invite);
    return users.createMembership(organizationId, userId, request.build()).getUser();
  }

  private static UpdateMembership.Builder withRoles(String role) {
    return UpdateMembership.newBuilder().addRoles(Role.newBuilder().setName(role));
  }

  private static UpdateMembershipRequest changing(UpdateMembership.Builder membership) {
    return UpdateMembershipRequest.newBuilder().setMembership(membership).build();
  }

  private static User update(
      String organizationId, String userId, UpdateMembership.Builder membership) {
    return users.updateMembership(organizationId, userId, changing(membership)).getUser();
  }

  private static OrganizationMembership membership(User user, String organizationId) {
    return user.getMembershipsList().stream()
        .filter(each -> each.getOrganizationId().equals(organizationId))
        .findFirst()
        .orElseThrow();
  }

  private static List<String> organizationsOf(User user) {
    return sorted(user.getMembershipsList(), OrganizationMembership::getOrganizationId);
  }

  private static List<String> roleNames(OrganizationMembership membership) {
    return sorted(membership.getRolesList(), Role::getName);
  }

  /** The given name by its newer and its older name, and the family name so. */
  private static List<String> namesOf(User user) {
    UserProfile profile = user.getUserProfile();
    return List.of(
        profile.getGivenName(),
        profile.getFirstName(),
        profile.getFamilyName(),
        profile.getLastName());
  }

  private static List<String> held(String organizationId, String userId) {
    return sorted(users.listUserRoles(organizationId, userId).getRolesList(), Role::getName);
  }

  private static List<String> memberIds(String organizationId) {
    var request = ListOrganizationUsersRequest.getDefaultInstance();
    return each(
        users.listOrganizationUsers(organizationId, request).getUsersList(), User::getId);
  }
}
