import com.scalekit.api.PermissionClient;
import com.scalekit.api.RoleClient;
import com.scalekit.grpc.scalekit.v1.roles.AddPermissionsToRoleRequest;
import com.scalekit.grpc.scalekit.v1.roles.CreateOrganizationRole;
import com.scalekit.grpc.scalekit.v1.roles.CreateOrganizationRoleRequest;
import com.scalekit.grpc.scalekit.v1.roles.CreatePermission;
import com.scalekit.grpc.scalekit.v1.roles.CreatePermissionRequest;
import com.scalekit.grpc.scalekit.v1.roles.CreateRole;
import com.scalekit.grpc.scalekit.v1.roles.CreateRoleRequest;
import com.scalekit.grpc.scalekit.v1.roles.ListPermissionsResponse;
import com.scalekit.grpc.scalekit.v1.roles.Permission;
import com.scalekit.grpc.scalekit.v1.roles.Role;
import com.scalekit.grpc.scalekit.v1.roles.UpdateDefaultOrganizationRolesRequest;
import com.scalekit.grpc.scalekit.v1.roles.UpdateDefaultRolesRequest;
import com.scalekit.grpc.scalekit.v1.roles.UpdateDefaultRolesResponse;
import com.scalekit.grpc.scalekit.v1.roles.UpdateOrganizationRoleRequest;
import com.scalekit.grpc.scalekit.v1.roles.UpdatePermissionRequest;
import com.scalekit.grpc.scalekit.v1.roles.UpdateRole;
import com.scalekit.grpc.scalekit.v1.roles.UpdateRoleRequest;
import com.scalekit.grpc.scalekit.v1.users.CreateMembership;
import com.scalekit.grpc.scalekit.v1.users.CreateUser;
import com.scalekit.grpc.scalekit.v1.users.CreateUserAndMembershipRequest;
import java.util.List;

/**
 * Drive RolesService with the official Java SDK and say what was seen, step by step.
 *
 * <p>Reads SCALEKIT_ENVIRONMENT_URL (port 443, none other is possible), SCALEKIT_CLIENT_ID and
 * SCALEKIT_CLIENT_SECRET. Prints one line of JSON per step of ../steps.json; the first step that
 * fails ends the program.
 */
public final class Roles extends Steps {

  private static final String NOBODY = "nobody_" + RUN;
  private static final List<String> NONE = List.of();

  private static final RoleClient roles = client.roles();
  private static final PermissionClient permissions = client.permissions();
  private static final String acme = createOrganization("Acme");
  private static final String globex = createOrganization("Globex");
  private static final String read = "docs:read_" + RUN;
  private static final String write = "docs:write_" + RUN;
  private static final String erase = "docs:erase_" + RUN;
  private static final String viewer = "viewer_" + RUN;
  private static final String editor = "editor_" + RUN;
  private static final String owner = "owner_" + RUN;
  private static final String local = "local_" + RUN;
  private static final String lead = "lead_" + RUN;
  private static final String clerk = "clerk_" + RUN;

  private static Permission permission;
  private static Role role;
  private static String ada;
  private static String carl;
  private static String member;

  public static void main(String[] arguments) {
    step("create_permission", Roles::createPermission);
    step("get_permission", () -> equal(getPermission(read), permission));
    step("update_permission", Roles::updatePermission);
    step("list_permissions", Roles::listPermissions);
    step("built_in_permissions", Roles::builtInPermissions);
    step("permission_refused", Roles::permissionRefused);
    step("create_role", Roles::createRole);
    step("get_role", () -> equal(get(viewer), role));
    step("list_roles", Roles::listRoles);
    step("update_role", Roles::updateRole);
    step("role_permissions", Roles::rolePermissions);
    step("role_permissions_unknown", Roles::rolePermissionsUnknown);
    step("inheritance", Roles::inheritance);
    step("delete_role_base", Roles::deleteRoleBase);
    step("users_count", Roles::usersCount);
    step("delete_held_role", Roles::deleteHeldRole);
    step("delete_base_with_replacement", Roles::deleteBaseWithReplacement);
    step("default_roles", Roles::defaultRoles);
    step("role_refused", Roles::roleRefused);
    step("delete_role", Roles::deleteRole);
    step("delete_permission", Roles::deletePermission);
    step("create_organization_role", Roles::createOrganizationRole);
    step("get_organization_role", () -> equal(getIn(acme, clerk), role));
    step("list_organization_roles", Roles::listOrganizationRoles);
    step("update_organization_role", Roles::updateOrganizationRole);
    step("delete_organization_role_base", Roles::deleteOrganizationRoleBase);
    step("delete_held_organization_role", Roles::deleteHeldOrganizationRole);
    step("default_organization_role", Roles::defaultOrganizationRole);
    step("organization_role_refused", Roles::organizationRoleRefused);
    step("delete_organization_role", Roles::deleteOrganizationRole);
    System.exit(0); // the SDK's threads outlive main
  }

  private static void createPermission() {
    permission = createPermission(read, "Read documents");
    check(permission.getId().startsWith("perm_"), permission);
    equal(permission.getName(), read);
    equal(permission.getDescription(), "Read documents");
    check(!permission.getIsScalekitPermission(), permission);
    check(permission.getCreateTime().getSeconds() > 0, permission);
    check(permission.getUpdateTime().getSeconds() > 0, permission);
    equal(createPermission(write, "").getDescription(), "");
    equal(createPermission(erase, "").getDescription(), "");
  }

  private static void updatePermission() {
    Permission updated = updatePermission(read, "Read any document");
    equal(updated.getId(), permission.getId());
    equal(updated.getName(), read);
    equal(updated.getDescription(), "Read any document");
    equal(getPermission(read), updated);
  }

  private static void listPermissions() {
    List<String> newestFirst = List.of(erase, write, read);
    List<Permission> page = permissions.listPermissions(null, null).getPermissionsList();
    equal(each(page, Permission::getName).subList(0, 3), newestFirst);
    readPages(
        token -> {
          ListPermissionsResponse answer = permissions.listPermissions(token, 2);
          return new Page(
              each(answer.getPermissionsList(), Permission::getId),
              answer.getTotalSize(),
              answer.getNextPageToken());
        },
        each(reversed(newestFirst), name -> getPermission(name).getId()));
  }

  private static void builtInPermissions() {
    List<String> builtIn =
        permissions.listPermissions(null, 100).getPermissionsList().stream()
            .filter(Permission::getIsScalekitPermission)
            .map(Permission::getName)
            .toList();
    equal(builtIn.size(), 12);
    check(builtIn.stream().allMatch(name -> name.startsWith("sk_org_")), builtIn);
    check(effective("admin").containsAll(builtIn), effective("admin"));
    check(
        effective("member").containsAll(List.of("sk_org_settings_read", "sk_org_users_read")),
        effective("member"));
    checkBadRequest(() -> permissions.deletePermission(builtIn.get(0)));
    checkBadRequest(() -> updatePermission(builtIn.get(0), "ours now"));
  }

  private static void permissionRefused() {
    checkDuplicate("name", () -> createPermission(read, ""));
    for (String name : List.of("", "docs.read", "x".repeat(65))) {
      checkBadField("name", () -> createPermission(name, ""));
    }
    checkNotFound(() -> getPermission(NOBODY));
    checkNotFound(() -> updatePermission(NOBODY, ""));
    checkNotFound(() -> permissions.deletePermission(NOBODY));
  }

  private static void createRole() {
    role = create(CreateRole.newBuilder().setName(viewer).setDescription("Looks"));
    check(role.getId().startsWith("role_"), role);
    equal(role.getName(), viewer);
    equal(role.getDisplayName(), "The " + viewer);
    equal(role.getDescription(), "Looks");
    check(!role.getDefaultCreator(), role);
    check(!role.getDefaultMember(), role);
    check(!role.getIsOrgRole(), role);
    check(!role.hasExtends(), role);
  }

  private static void listRoles() {
    createIn(acme, CreateOrganizationRole.newBuilder().setName(local));
    List<Role> listed = roles.listRoles().getRolesList();
    for (Role each : listed) {
      check(!each.getId().isEmpty(), each);
      check(!each.getName().isEmpty(), each);
      check(!each.getDisplayName().isEmpty(), each);
      check(!each.getIsOrgRole(), each);
    }
    equal(each(listed, Role::getName).subList(0, 2), List.of("admin", "member"));
    equal(listed.get(listed.size() - 1).getName(), viewer);
    equal(listed.stream().filter(Role::getDefaultCreator).count(), 1L);
    equal(listed.stream().filter(Role::getDefaultMember).count(), 1L);
  }

  private static void updateRole() {
    Role updated = update(viewer, UpdateRole.newBuilder().setDisplayName("Onlooker"));
    equal(updated.getId(), role.getId());
    equal(updated.getName(), viewer);
    equal(updated.getDisplayName(), "Onlooker");
    equal(updated.getDescription(), "Looks");
    updated = update(viewer, UpdateRole.newBuilder().setDescription("Looks on"));
    equal(updated.getDisplayName(), "Onlooker");
    equal(updated.getDescription(), "Looks on");
    equal(get(viewer), updated);
  }

  private static void rolePermissions() {
    equal(granted(viewer), NONE);
    equal(add(viewer, read), List.of(read));
    equal(add(viewer, write), List.of(read, write));
    equal(granted(viewer), List.of(read, write));
    permissions.removePermissionFromRole(viewer, write);
    equal(granted(viewer), List.of(read));
    update(viewer, UpdateRole.newBuilder().addPermissions(write).addPermissions(erase));
    equal(granted(viewer), List.of(erase, write));
    update(viewer, UpdateRole.newBuilder().setDisplayName("Viewer"));
    equal(granted(viewer), List.of(erase, write));
    update(viewer, UpdateRole.newBuilder().addPermissions(read));
    equal(granted(viewer), List.of(read));
  }

  private static void rolePermissionsUnknown() {
    equal(add(viewer, NOBODY), List.of(read)); // an unknown name is passed over
    checkBadRequest(() -> add(viewer, "docs.read"));
    checkNotFound(() -> permissions.removePermissionFromRole(viewer, NOBODY));
    checkBadRequest(() -> permissions.removePermissionFromRole(viewer, "docs.read"));
    checkNotFound(() -> granted(NOBODY));
    checkNotFound(() -> granted("no-body"));
    checkNotFound(() -> effective(NOBODY));
    checkNotFound(() -> add(NOBODY, read));
    checkNotFound(() -> permissions.removePermissionFromRole(NOBODY, read));
  }

  private static void inheritance() {
    Role child =
        create(CreateRole.newBuilder().setName(editor).setExtends(viewer).addPermissions(write));
    equal(child.getExtends(), viewer);
    equal(create(CreateRole.newBuilder().setName(owner).setExtends(editor)).getExtends(), editor);
    equal(granted(owner), NONE);
    equal(effective(owner), List.of(read, write));
    equal(effective(editor), List.of(read, write));
    equal(dependents(viewer), List.of(editor));
    equal(get(viewer).getDependentRolesCount(), 1);
    equal(dependents(owner), NONE);
    checkBadRequest(() -> update(viewer, UpdateRole.newBuilder().setExtends(owner))); // a circle
    checkBadRequest(() -> roles.deleteRole(viewer)); // editor depends on it
  }

  @SuppressWarnings("deprecation") // the only call for a role of the environment
  private static void deleteRoleBase() {
    roles.deleteRoleBase(owner);
    check(!get(owner).hasExtends(), get(owner));
    equal(effective(owner), NONE);
    equal(dependents(editor), NONE);
    equal(update(owner, UpdateRole.newBuilder().setExtends(editor)).getExtends(), editor);
    equal(effective(owner), List.of(read, write));
    checkNotFound(() -> roles.deleteRoleBase(NOBODY));
  }

  private static void usersCount() {
    equal(count(owner), 0L);
    ada = createUser("ada", owner); // invited: that counts
    equal(count(owner), 1L);
    equal(countIn(acme, local), 0L);
  }

  private static void deleteHeldRole() {
    checkHeld(() -> roles.deleteRole(owner));
    String successor = "successor_" + RUN;
    create(CreateRole.newBuilder().setName(successor));
    roles.deleteRole(owner, successor);
    checkNotFound(() -> get(owner));
    equal(held(ada), List.of(successor));
    equal(count(successor), 1L);
    checkHeld(() -> roles.deleteRole(successor));
    client.users().deleteMembership(acme, ada);
    roles.deleteRole(successor);
    checkNotFound(() -> get(successor));
    client.users().deleteUser(ada);
  }

  private static void deleteBaseWithReplacement() {
    create(CreateRole.newBuilder().setName(owner));
    roles.deleteRole(viewer, owner);
    checkNotFound(() -> get(viewer));
    equal(get(editor).getExtends(), owner);
    equal(dependents(owner), List.of(editor));
  }

  private static void defaultRoles() {
    List<Role> listed = roles.listRoles().getRolesList();
    String creator =
        listed.stream().filter(Role::getDefaultCreator).findFirst().orElseThrow().getName();
    member = listed.stream().filter(Role::getDefaultMember).findFirst().orElseThrow().getName();
    try {
      UpdateDefaultRolesResponse answer = updateDefaults(owner, editor);
      equal(answer.getDefaultCreator(), get(owner));
      equal(answer.getDefaultMember(), get(editor));
      check(get(owner).getDefaultCreator(), get(owner));
      check(get(editor).getDefaultMember(), get(editor));
      check(!get(member).getDefaultMember(), get(member));
      checkBadRequest(() -> roles.deleteRole(editor));
      String bob = createUser("bob");
      equal(held(bob), List.of(editor));
      client.users().deleteUser(bob);
      checkRefused(() -> updateDefaults(NOBODY, member));
    } finally {
      updateDefaults(creator, member);
    }
    check(get(member).getDefaultMember(), get(member));
  }

  private static void roleRefused() {
    checkDuplicate("name", () -> create(CreateRole.newBuilder().setName(editor)));
    for (String name : List.of("", "no-body", "x".repeat(65))) {
      checkBadField("name", () -> create(CreateRole.newBuilder().setName(name)));
    }
    checkNotFound(() -> get(NOBODY));
    checkNotFound(() -> update(NOBODY, UpdateRole.newBuilder().setDisplayName("Nobody")));
    checkNotFound(() -> roles.deleteRole(NOBODY));
    checkNotFound(() -> count(NOBODY));
    checkNotFound(() -> dependents(NOBODY));
  }

  private static void deleteRole() {
    for (String name : List.of(editor, owner)) {
      roles.deleteRole(name);
      checkNotFound(() -> get(name));
    }
    checkNotFound(() -> roles.deleteRole(owner));
    create(CreateRole.newBuilder().setName(owner).addPermissions(erase));
    equal(granted(owner), List.of(erase));
  }

  private static void deletePermission() {
    for (String name : List.of(read, write, erase)) { // owner holds the last
      permissions.deletePermission(name);
      checkNotFound(() -> getPermission(name));
    }
    equal(granted(owner), NONE);
    roles.deleteRole(owner);
    permissions.deletePermission(createPermission(read, "").getName());
  }

  private static void createOrganizationRole() {
    var request = CreateOrganizationRole.newBuilder().setName(clerk).setDescription("Files");
    role = createIn(acme, request);
    check(role.getId().startsWith("role_"), role);
    equal(role.getName(), clerk);
    equal(role.getDisplayName(), "The " + clerk);
    equal(role.getDescription(), "Files");
    check(role.getIsOrgRole(), role);
    // A name is one organization's own.
    Role other = createIn(globex, CreateOrganizationRole.newBuilder().setName(clerk));
    check(!other.getId().equals(role.getId()), other);
  }

  private static void listOrganizationRoles() {
    List<Role> listed = roles.listOrganizationRoles(acme).getRolesList();
    check(
        each(listed, Role::getName).containsAll(List.of("admin", "member", local, clerk)), listed);
    for (Role each : listed) {
      equal(each.getIsOrgRole(), List.of(local, clerk).contains(each.getName()));
    }
    List<Role> others = roles.listOrganizationRoles(globex).getRolesList();
    check(!each(others, Role::getName).contains(local), others);
  }

  private static void updateOrganizationRole() {
    Role updated = updateIn(acme, clerk, "Senior clerk");
    equal(updated.getId(), role.getId());
    equal(updated.getName(), clerk);
    equal(updated.getDisplayName(), "Senior clerk");
    equal(updated.getDescription(), "Files");
    check(updated.getIsOrgRole(), updated);
    equal(getIn(acme, clerk), updated);
    equal(getIn(globex, clerk).getDisplayName(), "The " + clerk);
  }

  private static void deleteOrganizationRoleBase() {
    var child = CreateOrganizationRole.newBuilder().setName(lead).setExtends(clerk);
    equal(createIn(acme, child).getExtends(), clerk);
    checkBadRequest(() -> roles.deleteOrganizationRole(acme, clerk));
    roles.deleteOrganizationRoleBase(acme, lead);
    check(!getIn(acme, lead).hasExtends(), getIn(acme, lead));
  }

  private static void deleteHeldOrganizationRole() {
    equal(countIn(acme, clerk), 0L);
    carl = createUser("carl", clerk);
    equal(countIn(acme, clerk), 1L);
    checkHeld(() -> roles.deleteOrganizationRole(acme, clerk));
    roles.deleteOrganizationRole(acme, clerk, lead);
    checkNotFound(() -> getIn(acme, clerk));
    equal(held(carl), List.of(lead));
  }

  private static void defaultOrganizationRole() {
    equal(updateDefault(local).getName(), local);
    String dora = createUser("dora");
    equal(held(dora), List.of(local));
    client.users().deleteUser(dora);
    roles.deleteOrganizationRole(acme, local);
    equal(held(createUser("eve")), List.of(member));
  }

  private static void organizationRoleRefused() {
    var leader = CreateOrganizationRole.newBuilder().setName(lead);
    var nobody = CreateOrganizationRole.newBuilder().setName(NOBODY);
    checkDuplicate("name", () -> createIn(acme, leader));
    checkDuplicate(
        "name", () -> createIn(acme, CreateOrganizationRole.newBuilder().setName("admin")));
    checkBadField("org_id", () -> createIn("", nobody));
    checkNotFound(() -> createIn("org_" + UNKNOWN, nobody));
    checkNotFound(() -> getIn(globex, lead));
    checkNotFound(() -> updateIn(globex, lead, "Nobody"));
    checkNotFound(() -> roles.deleteOrganizationRole(globex, lead));
    checkNotFound(() -> roles.deleteOrganizationRoleBase(globex, lead));
    checkNotFound(() -> countIn(globex, lead));
    checkRefused(() -> updateDefault(NOBODY));
  }

  private static void deleteOrganizationRole() {
    client.users().deleteUser(carl);
    roles.deleteOrganizationRole(acme, lead);
    checkNotFound(() -> getIn(acme, lead));
    checkNotFound(() -> roles.deleteOrganizationRole(acme, lead));
    deleteOrganizations(acme, globex); // globex with its role
  }

  private static Permission createPermission(String name, String description) {
    var request =
        CreatePermissionRequest.newBuilder()
            .setPermission(CreatePermission.newBuilder().setName(name).setDescription(description));
    return permissions.createPermission(request.build()).getPermission();
  }

  private static Permission updatePermission(String name, String description) {
    var request =
        UpdatePermissionRequest.newBuilder()
            .setPermission(CreatePermission.newBuilder().setName(name).setDescription(description));
    return permissions.updatePermission(name, request.build()).getPermission();
  }

  private static Permission getPermission(String name) {
    return permissions.getPermission(name).getPermission();
  }

  private static Role create(CreateRole.Builder role) {
    role.setDisplayName("The " + role.getName());
    return roles.createRole(CreateRoleRequest.newBuilder().setRole(role).build()).getRole();
  }

  private static Role get(String name) {
    return roles.getRole(name).getRole();
  }

  private static Role update(String name, UpdateRole.Builder change) {
    return roles.updateRole(name, UpdateRoleRequest.newBuilder().setRole(change).build()).getRole();
  }

  private static Role createIn(String organizationId, CreateOrganizationRole.Builder role) {
    role.setDisplayName("The " + role.getName());
    var request = CreateOrganizationRoleRequest.newBuilder().setRole(role).build();
    return roles.createOrganizationRole(organizationId, request).getRole();
  }

  private static Role getIn(String organizationId, String name) {
    return roles.getOrganizationRole(organizationId, name).getRole();
  }

  private static Role updateIn(String organizationId, String name, String displayName) {
    var request =
        UpdateOrganizationRoleRequest.newBuilder()
            .setRole(UpdateRole.newBuilder().setDisplayName(displayName))
            .build();
    return roles.updateOrganizationRole(organizationId, name, request).getRole();
  }

  private static UpdateDefaultRolesResponse updateDefaults(String creator, String member) {
    return roles.updateDefaultRoles(
        UpdateDefaultRolesRequest.newBuilder()
            .setDefaultCreatorRole(creator)
            .setDefaultMemberRole(member)
            .build());
  }

  private static Role updateDefault(String memberRole) {
    var request =
        UpdateDefaultOrganizationRolesRequest.newBuilder().setDefaultMemberRole(memberRole).build();
    return roles.updateDefaultOrganizationRoles(acme, request).getDefaultMember();
  }

  private static List<String> granted(String role) {
    return sorted(permissions.listRolePermissions(role).getPermissionsList(), Permission::getName);
  }

  private static List<String> effective(String role) {
    return sorted(
        permissions.listEffectiveRolePermissions(role).getPermissionsList(), Permission::getName);
  }

  private static List<String> add(String role, String permission) {
    var request = AddPermissionsToRoleRequest.newBuilder().addPermissionNames(permission).build();
    return sorted(
        permissions.addPermissionsToRole(role, request).getPermissionsList(), Permission::getName);
  }

  private static long count(String role) {
    return roles.getRoleUsersCount(role).getCount();
  }

  private static long countIn(String organizationId, String role) {
    return roles.getOrganizationRoleUsersCount(organizationId, role).getCount();
  }

  private static List<String> dependents(String role) {
    return sorted(roles.listDependentRoles(role).getRolesList(), Role::getName);
  }

  private static String createUser(String name, String... roleNames) {
    var membership = CreateMembership.newBuilder();
    for (String each : roleNames) {
      membership.addRolesBuilder().setName(each);
    }
    var user =
        CreateUser.newBuilder()
            .setEmail(name + "." + RUN + "@example.com")
            .setMembership(membership);
    var request = CreateUserAndMembershipRequest.newBuilder().setUser(user).build();
    return client.users().createUserAndMembership(acme, request).getUser().getId();
  }

  private static List<String> held(String userId) {
    return sorted(
        client.users().listUserRoles(acme, userId).getRolesList(),
        com.scalekit.grpc.scalekit.v1.commons.Role::getName);
  }

  private static void checkHeld(Runnable call) {
    String message = checkBadRequest(call).getMessage();
    check(message.contains("role cannot be deleted as it is assigned to users"), message);
  }
}
