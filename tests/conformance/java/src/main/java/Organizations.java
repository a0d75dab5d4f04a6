import com.scalekit.ScalekitClient;
import com.scalekit.api.OrganizationClient;
import com.scalekit.grpc.scalekit.v1.commons.TimeUnit;
import com.scalekit.grpc.scalekit.v1.organizations.CreateOrganization;
import com.scalekit.grpc.scalekit.v1.organizations.Feature;
import com.scalekit.grpc.scalekit.v1.organizations.Link;
import com.scalekit.grpc.scalekit.v1.organizations.ListOrganizationsResponse;
import com.scalekit.grpc.scalekit.v1.organizations.Organization;
import com.scalekit.grpc.scalekit.v1.organizations.OrganizationSessionPolicySettings;
import com.scalekit.grpc.scalekit.v1.organizations.OrganizationSettingsFeature;
import com.scalekit.grpc.scalekit.v1.organizations.OrganizationUserManagementSettings;
import com.scalekit.grpc.scalekit.v1.organizations.SessionPolicyType;
import com.scalekit.grpc.scalekit.v1.organizations.UpdateOrganization;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Drive OrganizationService with the official Java SDK and say what was seen, step by step.
 *
 * <p>Reads SCALEKIT_ENVIRONMENT_URL (port 443, none other is possible), SCALEKIT_CLIENT_ID and
 * SCALEKIT_CLIENT_SECRET. Prints one line of JSON per step of ../steps.json; the first step that
 * fails ends the program.
 */
public final class Organizations extends Steps {

  private static OrganizationClient organizations = client.organizations();
  private static Organization acme;
  private static final List<String> ours = new ArrayList<>();

  public static void main(String[] arguments) {
    step("create", Organizations::createWithEverything);
    step("get", () -> equal(get(acme.getId()), acme));
    step("get_by_external_id", () -> equal(organizations.getByExternalId("acme-" + RUN), acme));
    step("update_by_id", Organizations::updateById);
    step("update_by_external_id", Organizations::updateByExternalId);
    step("list_pages", Organizations::listPages);
    step("settings", Organizations::writeSettings);
    step("user_management", Organizations::limitUsers);
    step("session_policy_custom", Organizations::customSessionPolicy);
    step("session_policy_application", Organizations::applicationSessionPolicy);
    step("portal_link", () -> checkLink(organizations.generatePortalLink(acme.getId())));
    step("portal_link_switched_off", Organizations::portalLinkOfAFeatureThatIsOff);
    step("portal_link_for_features", Organizations::portalLinksForFeatures);
    step("not_found", () -> checkNotFound(() -> get("org_" + UNKNOWN)));
    step("bad_field", Organizations::badField);
    step("duplicate_external_id", Organizations::duplicateExternalId);
    step("wrong_secret", Organizations::wrongSecret);
    step("delete", Organizations::delete);
    step("external_id_is_free_again", Organizations::externalIdIsFreeAgain);
    System.exit(0); // the SDK's threads outlive main
  }

  private static void createWithEverything() {
    acme =
        organizations.create(
            CreateOrganization.newBuilder()
                .setDisplayName("Acme " + RUN)
                .setExternalId("acme-" + RUN)
                .putMetadata("plan", "gold")
                .putMetadata("region", "eu-west")
                .setSlug("acme-" + RUN)
                .setLogoUrl("https://example.com/acme.png")
                .build());
    check(acme.getId().startsWith("org_"), acme.getId());
    equal(acme.getDisplayName(), "Acme " + RUN);
    equal(acme.getExternalId(), "acme-" + RUN);
    equal(acme.getMetadataMap(), Map.of("plan", "gold", "region", "eu-west"));
    equal(acme.getSlug(), "acme-" + RUN);
    equal(acme.getLogoUrl(), "https://example.com/acme.png");
    check(acme.getCreateTime().getSeconds() > 0, "no create_time");
    check(acme.getUpdateTime().getSeconds() > 0, "no update_time");
  }

  private static void updateById() {
    UpdateOrganization change = UpdateOrganization.newBuilder().putMetadata("plan", "silver").build();
    Organization updated = organizations.updateById(acme.getId(), change);
    equal(updated.getMetadataMap(), Map.of("plan", "silver"));
    equal(updated.getDisplayName(), acme.getDisplayName());
    equal(updated.getExternalId(), acme.getExternalId());
    equal(updated.getSlug(), acme.getSlug());
    equal(get(acme.getId()), updated);
  }

  private static void updateByExternalId() {
    UpdateOrganization change =
        UpdateOrganization.newBuilder().setDisplayName("Acme Two " + RUN).build();
    equal(organizations.updateByExternalId("acme-" + RUN, change).getId(), acme.getId());
    Organization read = get(acme.getId());
    equal(read.getDisplayName(), "Acme Two " + RUN);
    equal(read.getMetadataMap(), Map.of("plan", "silver"));
  }

  private static void listPages() {
    ours.add(acme.getId());
    for (int n = 0; n < 4; n++) {
      ours.add(create("Branch " + n + " " + RUN).getId());
    }
    readPages(
        token -> {
          ListOrganizationsResponse page = organizations.listOrganizations(2, token);
          return new Page(
              each(page.getOrganizationsList(), Organization::getId),
              page.getTotalSize(),
              page.getNextPageToken());
        },
        ours);
  }

  private static void writeSettings() {
    Organization updated = organizations.updateOrganizationSettings(
        acme.getId(), List.of(feature("sso", false), feature("dir_sync", true)));
    List<OrganizationSettingsFeature> features = updated.getSettings().getFeaturesList();
    equal(features.get(0), feature("sso", false));
    equal(features.get(1), feature("dir_sync", true));
    equal(get(acme.getId()).getSettings(), updated.getSettings());
  }

  private static void limitUsers() {
    for (int limit : new int[] {25, 0}) {
      var settings = OrganizationUserManagementSettings.newBuilder();
      settings.getMaxAllowedUsersBuilder().setValue(limit);
      var stored = organizations.upsertUserManagementSettings(acme.getId(), settings.build());
      check(stored.hasMaxAllowedUsers(), "the limit " + limit + " is absent");
      equal(stored.getMaxAllowedUsers().getValue(), limit);
    }
  }

  private static void customSessionPolicy() {
    checkFollowsApplication(organizations.getOrganizationSessionPolicy(acme.getId()));
    var custom =
        OrganizationSessionPolicySettings.newBuilder()
            .setPolicySource(SessionPolicyType.CUSTOM)
            .setAbsoluteSessionTimeoutUnit(TimeUnit.MINUTES)
            .setIdleSessionTimeoutUnit(TimeUnit.MINUTES);
    custom.getAbsoluteSessionTimeoutBuilder().setValue(360);
    custom.getIdleSessionTimeoutEnabledBuilder().setValue(true);
    custom.getIdleSessionTimeoutBuilder().setValue(60);
    equal(
        organizations.updateOrganizationSessionPolicy(acme.getId(), custom.build()),
        custom.build());
    equal(organizations.getOrganizationSessionPolicy(acme.getId()), custom.build());
  }

  private static void applicationSessionPolicy() {
    var application =
        OrganizationSessionPolicySettings.newBuilder()
            .setPolicySource(SessionPolicyType.APPLICATION)
            .build();
    checkFollowsApplication(
        organizations.updateOrganizationSessionPolicy(acme.getId(), application));
    checkFollowsApplication(organizations.getOrganizationSessionPolicy(acme.getId()));
  }

  private static void portalLinkOfAFeatureThatIsOff() {
    checkBadRequest(() -> organizations.generatePortalLink(acme.getId(), List.of(Feature.sso)));
  }

  private static void portalLinksForFeatures() {
    organizations.updateOrganizationSettings(acme.getId(), List.of(feature("sso", true)));
    checkLink(organizations.generatePortalLink(acme.getId(), List.of(Feature.sso)));
    checkLink(organizations.generatePortalLink(acme.getId(), List.of(Feature.dir_sync)));
    checkLink(
        organizations.generatePortalLink(acme.getId(), List.of(Feature.sso, Feature.dir_sync)));
  }

  private static void badField() {
    for (String name : List.of("", "x".repeat(201))) {
      checkBadField("display_name", () -> create(name));
    }
  }

  private static void duplicateExternalId() {
    CreateOrganization twin =
        CreateOrganization.newBuilder().setDisplayName("Twin").setExternalId("acme-" + RUN).build();
    checkDuplicate("external_id", () -> organizations.create(twin));
  }

  private static void wrongSecret() {
    String message =
        failureOf(
                () -> new ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET + "x").organizations()
                    .getById(acme.getId()))
            .getMessage();
    check(message.contains("Failed to authenticate"), message);
    // The newest client's credentials are every client's: put the good ones back.
    organizations = new ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET).organizations();
  }

  private static void delete() {
    for (String id : ours) {
      organizations.deleteById(id);
      checkNotFound(() -> get(id));
    }
    checkNotFound(() -> organizations.deleteById(acme.getId()));
  }

  private static void externalIdIsFreeAgain() {
    Organization heir =
        organizations.create(
            CreateOrganization.newBuilder()
                .setDisplayName("Heir")
                .setExternalId("acme-" + RUN)
                .build());
    check(!heir.getId().equals(acme.getId()), "the old organization came back");
    organizations.deleteByExternalId("acme-" + RUN);
    checkNotFound(() -> get(heir.getId()));
  }

  private static Organization create(String displayName) {
    return organizations.create(
        CreateOrganization.newBuilder().setDisplayName(displayName).build());
  }

  private static Organization get(String id) {
    return organizations.getById(id);
  }

  private static OrganizationSettingsFeature feature(String name, boolean enabled) {
    return OrganizationSettingsFeature.newBuilder().setName(name).setEnabled(enabled).build();
  }

  private static void checkFollowsApplication(OrganizationSessionPolicySettings policy) {
    equal(
        policy,
        OrganizationSessionPolicySettings.newBuilder()
            .setPolicySource(SessionPolicyType.APPLICATION)
            .build());
  }

  private static void checkLink(Link link) {
    check(!link.getId().isEmpty(), "no id");
    check(link.getLocation().startsWith(URL), link.getLocation());
    check(
        link.getExpireTime().getSeconds() > Instant.now().getEpochSecond(),
        "expired at " + link.getExpireTime());
  }
}
