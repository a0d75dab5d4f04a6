import com.scalekit.api.TokenClient;
import com.scalekit.exceptions.APIException;
import com.scalekit.exceptions.TokenInvalidException;
import com.scalekit.grpc.scalekit.v1.organizations.CreateOrganization;
import com.scalekit.grpc.scalekit.v1.tokens.CreateToken;
import com.scalekit.grpc.scalekit.v1.tokens.CreateTokenResponse;
import com.scalekit.grpc.scalekit.v1.tokens.ListTokensResponse;
import com.scalekit.grpc.scalekit.v1.tokens.Token;
import com.scalekit.grpc.scalekit.v1.users.CreateMembershipRequest;
import com.scalekit.grpc.scalekit.v1.users.CreateUser;
import com.scalekit.grpc.scalekit.v1.users.CreateUserAndMembershipRequest;
import com.scalekit.grpc.scalekit.v1.users.User;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Drive ApiTokenService with the official Java SDK and say what was seen, step by step.
 *
 * <p>Reads SCALEKIT_ENVIRONMENT_URL (port 443, none other is possible), SCALEKIT_CLIENT_ID and
 * SCALEKIT_CLIENT_SECRET. Prints one line of JSON per step of ../steps.json; the first step that
 * fails ends the program.
 */
public final class Tokens extends Steps {

  private static final String NOTHING = "apit_" + UNKNOWN;
  private static final String NOWHERE = "org_" + UNKNOWN;
  private static final Map<String, String> CLAIMS =
      Map.of("scope", "orders:read", "team", "données");
  private static final String NIGHTLY = "For the nightly job";
  private static final String DAILY = "For the daily job";

  private static final TokenClient tokens = client.tokens();
  private static final String acme =
      client
          .organizations()
          .create(
              CreateOrganization.newBuilder()
                  .setDisplayName("Acme " + RUN)
                  .setExternalId("acme-" + RUN)
                  .build())
          .getId();
  private static final String globex = createOrganization("Globex");
  private static final User jane = createUser("jane", false);
  private static final User invited = createUser("invited", true);
  private static CreateTokenResponse plain;
  private static CreateTokenResponse full;
  private static CreateTokenResponse brief;
  private static Token updated;

  public static void main(String[] arguments) {
    step("create", Tokens::create);
    step("create_for_user", Tokens::createForUser);
    step("create_refused", Tokens::createRefused);
    step("bad_field", Tokens::badField);
    step("validate", Tokens::validate);
    step("validate_dead", Tokens::validateDead);
    step("update", Tokens::update);
    step("update_refused", Tokens::updateRefused);
    step("list_pages", Tokens::listPages);
    step("list_by_user", Tokens::listByUser);
    step("invalidate", Tokens::invalidate);
    step("membership_ends", Tokens::membershipEnds);
    step("delete_organization", Tokens::deleteOrganization);
    System.exit(0); // the SDK's threads outlive main
  }

  private static void create() {
    plain = tokens.create(acme);
    check(plain.getTokenId().startsWith("apit_"), plain.getTokenId());
    Token info = plain.getTokenInfo();
    equal(info.getTokenId(), plain.getTokenId());
    equal(info.getOrganizationId(), acme);
    equal(info.getOrganizationExternalId(), "acme-" + RUN);
    check(plain.getToken().endsWith(info.getTokenSuffix()), info);
    equal(info.getTokenSuffix().length(), 4);
    check(info.getCreatedAt().getSeconds() > 0, info);
    check(!info.hasUserId() && !info.hasUserExternalId() && !info.hasEmail(), info);
    check(!info.hasExpiry(), info);
    equal(info.getCustomClaimsMap(), Map.of());
    equal(info.getRolesCount(), 0);
  }

  private static void createForUser() {
    full = create(jane.getId(), CLAIMS, 3600, NIGHTLY);
    Token info = full.getTokenInfo();
    equal(info.getUserId(), jane.getId());
    equal(info.getUserExternalId(), "jane-" + RUN);
    equal(info.getEmail(), jane.getEmail());
    equal(List.copyOf(info.getRolesList()), List.of("member"));
    equal(info.getCustomClaimsMap(), CLAIMS);
    check(info.hasExpiry(), info);
    equal(info.getDescription(), NIGHTLY);
  }

  private static void createRefused() {
    refusal(() -> create(invited.getId(), Map.of(), 0, ""));
    refusal(() -> create("usr_" + UNKNOWN, Map.of(), 0, ""));
    refusal(() -> tokens.create(globex, jane.getId(), null, null, ""));
    refusal(() -> tokens.create(NOWHERE));
    refusal(() -> create("", Map.of(), -3600, ""));
  }

  private static void badField() {
    String message = refusal(() -> create("", Map.of(), 0, "x".repeat(256)));
    check(message.contains("description"), message);
    Map<String, String> many = new HashMap<>();
    for (int n = 0; n < 21; n++) {
      many.put("claim" + n, "1");
    }
    for (Map<String, String> bad :
        List.of(many, Map.of("x".repeat(31), "1"), Map.of("x", "1".repeat(257)), Map.of("x", ""))) {
      message = refusal(() -> create("", bad, 0, ""));
      check(message.contains("custom_claims"), message);
    }
  }

  private static void validate() {
    for (CreateTokenResponse made : List.of(plain, full)) {
      equal(validated(made.getToken()), made.getTokenInfo());
      equal(validated(made.getTokenId()), made.getTokenInfo());
    }
  }

  private static void validateDead() {
    checkDead(NOTHING);
    checkDead("no-token");
    String token = plain.getToken();
    String swapped = token.endsWith("A") ? "B" : "A";
    checkDead(token.substring(0, token.length() - 1) + swapped);
    brief = create("", null, 2, "");
    equal(validated(brief.getToken()), brief.getTokenInfo());
    sleep(2000);
    checkDeadSoon(brief.getToken(), brief.getTokenId());
  }

  private static void update() {
    updated = tokens.update(full.getToken(), null, DAILY).getTokenInfo();
    equal(updated.getDescription(), DAILY);
    equal(updated.getCustomClaimsMap(), CLAIMS);
    Map<String, String> gold = Map.of("tier", "gold");
    updated = tokens.update(full.getTokenId(), gold, null).getTokenInfo();
    equal(updated.getCustomClaimsMap(), gold);
    equal(updated.getDescription(), DAILY);
    updated = tokens.update(full.getTokenId(), Map.of(), "").getTokenInfo();
    equal(updated.getCustomClaimsMap(), gold);
    equal(updated.getDescription(), "");
    soon(() -> equal(validated(full.getToken()), updated));
  }

  private static void updateRefused() {
    checkNotFound(() -> tokens.update(NOTHING, null, "x"));
    checkNotFound(() -> tokens.update(brief.getToken(), null, "x"));
    checkBadField(
        "custom_claims", () -> tokens.update(full.getToken(), Map.of("tier", ""), null));
    checkBadField("description", () -> tokens.update(full.getToken(), null, "x".repeat(256)));
  }

  private static void listPages() {
    ListTokensResponse first = tokens.list(acme, 1, "");
    ListTokensResponse second = tokens.list(acme, 1, first.getNextPageToken());
    equal(first.getTokensList(), List.of(updated));
    equal(second.getTokensList(), List.of(plain.getTokenInfo()));
    equal(first.getTotalCount(), 2);
    equal(second.getNextPageToken(), "");
    equal(tokens.list(acme, 1, second.getPrevPageToken()).getTokensList(), List.of(updated));
    equal(tokens.list(acme, 0, "").getTokensList(), List.of(updated, plain.getTokenInfo()));
    equal(tokens.list(globex, 0, "").getTokensList(), List.of());
    checkNotFound(() -> tokens.list(NOWHERE, 0, ""));
  }

  private static void listByUser() {
    equal(tokens.list(acme, jane.getId(), 0, "").getTokensList(), List.of(updated));
    equal(tokens.list(acme, invited.getId(), 0, "").getTokensList(), List.of());
  }

  private static void invalidate() {
    CreateTokenResponse spare = tokens.create(acme);
    equal(validated(spare.getToken()), spare.getTokenInfo());
    tokens.invalidate(spare.getToken());
    checkDeadSoon(spare.getToken(), spare.getTokenId());
    for (String again : List.of(spare.getTokenId(), NOTHING, "no-token")) {
      tokens.invalidate(again);
    }
    equal(tokens.list(acme, 0, "").getTotalCount(), 2);
    checkNotFound(() -> tokens.update(spare.getToken(), null, "x"));
  }

  private static void membershipEnds() {
    client.users().deleteMembership(acme, jane.getId());
    checkDeadSoon(full.getToken(), full.getTokenId());
    var request = CreateMembershipRequest.newBuilder().setSendInvitationEmail(false).build();
    client.users().createMembership(acme, jane.getId(), request);
    checkDeadSoon(full.getToken());
    equal(tokens.list(acme, 0, "").getTokensList(), List.of(plain.getTokenInfo()));
  }

  private static void deleteOrganization() {
    deleteOrganizations(acme);
    checkDeadSoon(plain.getToken(), plain.getTokenId());
    deleteOrganizations(globex);
  }

  private static User createUser(String name, boolean invite) {
    var user =
        CreateUser.newBuilder()
            .setEmail(name + "." + RUN + "@example.com")
            .setExternalId(name + "-" + RUN);
    var request =
        CreateUserAndMembershipRequest.newBuilder().setUser(user).setSendInvitationEmail(invite);
    return client.users().createUserAndMembership(acme, request.build()).getUser();
  }

  /** Make a token of acme that ends after so many seconds, or never with 0. */
  private static CreateTokenResponse create(
      String userId, Map<String, String> claims, int seconds, String description) {
    // The class of a time has another name in the SDK's jar, so a builder has to make it.
    var expiry = CreateToken.newBuilder().getExpiryBuilder();
    expiry.setSeconds(Instant.now().getEpochSecond() + seconds);
    return tokens.create(acme, userId, claims, seconds == 0 ? null : expiry.build(), description);
  }

  private static Token validated(String token) {
    return tokens.validate(token).getTokenInfo();
  }

  private static void checkDead(String token) {
    APIException failure = failureOf(() -> tokens.validate(token));
    check(failure instanceof TokenInvalidException, failure);
    check(failure.getMessage().contains("token not found"), failure);
  }

  private static void checkDeadSoon(String... dying) {
    for (String token : dying) {
      soon(() -> checkDead(token));
    }
  }

  /** Return what a refused create says: its error, unlike others', may be gRPC's own. */
  private static String refusal(Runnable call) {
    try {
      call.run();
    } catch (RuntimeException failure) {
      return failure.getMessage();
    }
    throw new AssertionError("the call succeeded");
  }
}
