import com.scalekit.ScalekitClient;
import com.scalekit.api.M2MClient;
import com.scalekit.exceptions.APIException;
import com.scalekit.grpc.scalekit.v1.clients.ClientSecret;
import com.scalekit.grpc.scalekit.v1.clients.CreateOrganizationClientSecretResponse;
import com.scalekit.grpc.scalekit.v1.clients.CustomClaim;
import com.scalekit.grpc.scalekit.v1.clients.ListOrganizationClientsResponse;
import com.scalekit.grpc.scalekit.v1.clients.OrganizationClient;
import com.scalekit.internal.http.TokenValidationOptions;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * Drive ClientService with the official Java SDK and say what was seen, step by step.
 *
 * <p>Reads SCALEKIT_ENVIRONMENT_URL (port 443, none other is possible), SCALEKIT_CLIENT_ID and
 * SCALEKIT_CLIENT_SECRET. Prints one line of JSON per step of ../steps.json; the first step that
 * fails ends the program.
 */
public final class Clients extends Steps {

  private static final String NOBODY = "m2morg_" + UNKNOWN;
  private static final String NOWHERE = "org_" + UNKNOWN;
  private static final String ELSEWHERE = "https://elsewhere.example.com";
  private static final List<String> SCOPES = List.of("orders:write", "orders:read", "deploy");
  private static final List<String> AUDIENCE =
      List.of("https://orders.example.com", "https://api.example.com");
  private static final List<CustomClaim> CLAIMS =
      List.of(claim("tier", "gold"), claim("region", "eu-west"));

  private static final int PERMISSION_DENIED = 7; // of gRPC

  private static final M2MClient machines = client.m2m();
  private static final String acme = createOrganization("Acme");
  private static final String globex = createOrganization("Globex");
  // The class of a client has the name of the SDK's interface, so it is not imported.
  private static com.scalekit.grpc.scalekit.v1.clients.M2MClient orders;
  private static com.scalekit.grpc.scalekit.v1.clients.M2MClient plain;
  private static CreateOrganizationClientSecretResponse third;
  private static String secret;
  private static String token;

  public static void main(String[] arguments) {
    step("empty_list", Clients::emptyList);
    step("create", Clients::create);
    step("create_by_name", Clients::createByName);
    step("get", Clients::get);
    step("list_pages", Clients::listPages);
    step("update", Clients::update);
    step("access_token", Clients::accessToken);
    step("validate_access_token", Clients::validateAccessToken);
    step("wrong_secret", Clients::wrongSecret);
    step("management_api", Clients::managementApi);
    step("es256", Clients::es256);
    step("secrets", Clients::secrets);
    step("last_secret", Clients::lastSecret);
    step("not_found", Clients::notFound);
    step("bad_field", Clients::badField);
    step("delete", Clients::delete);
    step("delete_organization", Clients::deleteOrganization);
    System.exit(0); // the SDK's threads outlive main
  }

  private static void emptyList() {
    ListOrganizationClientsResponse nothing = machines.listOrganizationClients(acme, 0, "");
    equal(nothing.getClientsList(), List.of());
    equal(nothing.getTotalSize(), 0);
  }

  private static void create() {
    OrganizationClient fields =
        named("Orders " + RUN)
            .setDescription("Reads orders every night")
            .addAllScopes(SCOPES)
            .addAllAudience(AUDIENCE)
            .addAllCustomClaims(CLAIMS)
            .setExpiry(7200)
            .build();
    var created = machines.createOrganizationClient(acme, fields);
    orders = created.getClient();
    secret = created.getPlainSecret();
    check(orders.getClientId().startsWith("m2morg_"), orders);
    equal(orders.getOrganizationId(), acme);
    equal(orders.getName(), fields.getName());
    equal(orders.getDescription(), fields.getDescription());
    equal(orders.getScopesList(), SCOPES);
    equal(orders.getAudienceList(), AUDIENCE);
    equal(orders.getCustomClaimsList(), CLAIMS);
    equal(orders.getExpiry(), 7200L);
    check(orders.getCreateTime().getSeconds() > 0, orders);
    check(orders.getUpdateTime().getSeconds() > 0, orders);
    equal(orders.getSecretsCount(), 1);
    check(orders.getSecrets(0).getId().startsWith("sec_"), orders);
    check(secret.endsWith(orders.getSecrets(0).getSecretSuffix()), orders);
  }

  private static void createByName() {
    plain = machines.createOrganizationClient(acme, named("Plain").build()).getClient();
    equal(plain.getScopesCount() + plain.getAudienceCount() + plain.getCustomClaimsCount(), 0);
    equal(plain.getDescription(), "");
    equal(plain.getExpiry(), 3600L);
  }

  private static void get() {
    equal(get(acme, orders.getClientId()), orders);
    equal(orders.getSecrets(0).getPlainSecret(), "");
  }

  private static void listPages() {
    List<String> ours = new ArrayList<>(List.of(orders.getClientId(), plain.getClientId()));
    for (String name : List.of("Machine 0", "Machine 1", "Machine 2")) {
      var made = machines.createOrganizationClient(acme, named(name).build());
      ours.add(made.getClient().getClientId());
    }
    readPages(
        token -> {
          ListOrganizationClientsResponse page = machines.listOrganizationClients(acme, 2, token);
          equal(page.getTotalSize(), ours.size());
          return new Page(
              each(page.getClientsList(), client -> client.getClientId()),
              page.getTotalSize(),
              page.getNextPageToken());
        },
        ours);
    var first = machines.listOrganizationClients(acme, 2, "");
    var second = machines.listOrganizationClients(acme, 2, first.getNextPageToken());
    var back = machines.listOrganizationClients(acme, 2, second.getPrevPageToken());
    equal(back.getClientsList(), first.getClientsList());
    equal(machines.listOrganizationClients(globex, 0, "").getClientsList(), List.of());
  }

  private static void update() {
    String id = orders.getClientId();
    var updated = update(acme, id, OrganizationClient.newBuilder().setDescription("Nightly"));
    equal(
        updated,
        orders.toBuilder()
            .setDescription("Nightly")
            .setUpdateTime(updated.getUpdateTime())
            .build());
    updated = update(acme, id, named("Orders").addCustomClaims(claim("tier", "silver")));
    equal(updated.getName(), "Orders");
    equal(updated.getCustomClaimsList(), List.of(claim("tier", "silver")));
    equal(updated.getScopesList(), SCOPES);
    equal(get(acme, id), updated);
    update(acme, id, OrganizationClient.newBuilder().addAllCustomClaims(CLAIMS));
  }

  private static void accessToken() {
    soon(
        () -> {
          token = tokenOf(orders.getClientId(), secret);
          equal(
              claimsOf(token).get("custom_claims"), Map.of("tier", "gold", "region", "eu-west"));
        });
    Map<String, Object> claims = claimsOf(token);
    equal(claims.get("iss"), URL);
    equal(claims.get("sub"), orders.getClientId());
    equal(claims.get("client_id"), orders.getClientId());
    equal(claims.get("aud"), AUDIENCE);
    equal(claims.get("oid"), acme);
    equal(claims.get("scopes"), SCOPES);
    equal(claims.get("scope"), String.join(" ", SCOPES));
    check(claims.get("nbf") instanceof Integer, claims);
    equal((Integer) claims.get("exp") - (Integer) claims.get("iat"), 7200);
    check(claims.get("jti").toString().startsWith("tkn_"), claims);
    check(headerOf(token).contains("\"RS256\""), headerOf(token));
    String again = tokenOf(orders.getClientId(), secret);
    check(!claimsOf(again).get("jti").equals(claims.get("jti")), "the same token twice");
  }

  private static void validateAccessToken() {
    check(client.authentication().validateAccessToken(token), "not valid");
    check(valid(URL, AUDIENCE.get(1)), "not valid");
    check(!valid(ELSEWHERE, AUDIENCE.get(1)), "of another issuer");
    check(!valid(URL, ELSEWHERE), "for another audience");
    String forged = token.substring(0, token.length() - 8) + "AAAAAAAA";
    check(!accepted(() -> client.authentication().validateAccessToken(forged)), "forged");
  }

  private static void wrongSecret() {
    String wrong = refusedToken(orders.getClientId(), secret + "x");
    check(wrong.contains("invalid_client"), wrong);
    equal(refusedToken(NOBODY, secret), wrong);
    equal(refusedToken(plain.getClientId(), secret), wrong);
  }

  private static void managementApi() {
    ScalekitClient stranger = new ScalekitClient(URL, orders.getClientId(), secret);
    APIException refusal = failureOf(() -> stranger.organizations().getById(acme));
    equal(refusal.getGrpcStatusCode(), PERMISSION_DENIED);
    equal(refusal.getScalekitErrorCode(), "PERMISSION_DENIED");
    // The newest client's credentials are every client's: put the good ones back.
    new ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET);
  }

  private static void es256() {
    HttpRequest change =
        HttpRequest.newBuilder(
                URI.create(URL + "/api/v1/clients/" + orders.getClientId() + "/settings"))
            .header("authorization", "Bearer " + client.authentication().getClientAccessToken())
            .header("content-type", "application/json")
            .method(
                "PATCH",
                HttpRequest.BodyPublishers.ofString("{\"access_token_signing_alg\": \"ES256\"}"))
            .build();
    try {
      var answer = HttpClient.newHttpClient().send(change, HttpResponse.BodyHandlers.ofString());
      check(answer.statusCode() == 200, answer.body());
    } catch (IOException | InterruptedException failure) {
      throw new AssertionError(failure);
    }
    soon(
        () -> {
          String curve = tokenOf(orders.getClientId(), secret);
          check(headerOf(curve).contains("\"ES256\""), headerOf(curve));
          check(client.authentication().validateAccessToken(curve), "not valid");
        });
    check(client.authentication().validateAccessToken(token), "not valid");
  }

  private static void secrets() {
    String id = plain.getClientId();
    var second = machines.addOrganizationClientSecret(acme, id);
    third = machines.addOrganizationClientSecret(acme, id);
    check(second.getPlainSecret().endsWith(second.getSecret().getSecretSuffix()), "its suffix");
    List<ClientSecret> shown = get(acme, id).getSecretsList();
    equal(
        each(shown.subList(1, shown.size()), ClientSecret::getId),
        List.of(second.getSecret().getId(), third.getSecret().getId()));
    check(shown.stream().allMatch(each -> each.getPlainSecret().isEmpty()), "a plain secret");
    tokenOf(id, second.getPlainSecret());
    tokenOf(id, third.getPlainSecret());
    for (ClientSecret gone : shown.subList(0, 2)) {
      machines.removeOrganizationClientSecret(acme, id, gone.getId());
    }
    equal(
        each(get(acme, id).getSecretsList(), ClientSecret::getId),
        List.of(third.getSecret().getId()));
    soon(() -> refusedToken(id, second.getPlainSecret()));
    tokenOf(id, third.getPlainSecret());
  }

  private static void lastSecret() {
    String id = plain.getClientId();
    String message =
        checkBadRequest(
                () ->
                    machines.removeOrganizationClientSecret(acme, id, third.getSecret().getId()))
            .getMessage();
    check(message.contains("last client cannot be deleted"), message);
    tokenOf(id, third.getPlainSecret());
  }

  private static void notFound() {
    String[][] missing = {{acme, NOBODY}, {globex, orders.getClientId()}};
    for (String[] of : missing) {
      checkNotFound(() -> get(of[0], of[1]));
      checkNotFound(() -> update(of[0], of[1], named("Nobody")));
      checkNotFound(() -> machines.addOrganizationClientSecret(of[0], of[1]));
      // The SDK takes a delete that finds nothing for done.
      machines.deleteOrganizationClient(of[0], of[1]);
      machines.removeOrganizationClientSecret(of[0], of[1], orders.getSecrets(0).getId());
    }
    get(acme, orders.getClientId());
    checkNotFound(() -> machines.listOrganizationClients(NOWHERE, 10, ""));
    checkNotFound(() -> machines.createOrganizationClient(NOWHERE, named("Nowhere").build()));
  }

  private static void badField() {
    checkBadField("name", () -> create(named("x".repeat(129))));
    checkBadField("description", () -> create(named("Bad").setDescription("x".repeat(513))));
    checkBadField("client_id", () -> get(acme, "skc_" + UNKNOWN));
    checkBadField("key", () -> create(named("Bad").addCustomClaims(claim("", ""))));
    checkBadRequest(() -> create(named("Bad").setExpiry(299)));
    checkBadRequest(() -> create(named("Bad").addScopes("two words")));
  }

  private static void delete() {
    String id = orders.getClientId();
    machines.deleteOrganizationClient(acme, id);
    checkNotFound(() -> get(acme, id));
    machines.deleteOrganizationClient(acme, id);
    soon(() -> refusedToken(id, secret));
    // What it had is good by its signature.
    check(client.authentication().validateAccessToken(token), "not valid");
  }

  private static void deleteOrganization() {
    deleteOrganizations(acme);
    checkNotFound(() -> get(acme, plain.getClientId()));
    soon(() -> refusedToken(plain.getClientId(), third.getPlainSecret()));
    deleteOrganizations(globex);
  }

  private static CustomClaim claim(String key, String value) {
    return CustomClaim.newBuilder().setKey(key).setValue(value).build();
  }

  private static OrganizationClient.Builder named(String name) {
    return OrganizationClient.newBuilder().setName(name);
  }

  private static void create(OrganizationClient.Builder fields) {
    machines.createOrganizationClient(acme, fields.build());
  }

  private static com.scalekit.grpc.scalekit.v1.clients.M2MClient get(
      String organizationId, String id) {
    return machines.getOrganizationClient(organizationId, id).getClient();
  }

  private static com.scalekit.grpc.scalekit.v1.clients.M2MClient update(
      String organizationId, String id, OrganizationClient.Builder change) {
    return machines.updateOrganizationClient(organizationId, id, change.build()).getClient();
  }

  private static String tokenOf(String id, String secret) {
    return client.authentication().generateClientToken(id, secret);
  }

  /** Return what the SDK says of a client that gets no token. */
  private static String refusedToken(String id, String secret) {
    return failureOf(() -> tokenOf(id, secret)).getMessage();
  }

  private static Map<String, Object> claimsOf(String token) {
    return client.authentication().validateAccessTokenAndGetClaims(token);
  }

  private static String headerOf(String token) {
    String header = token.substring(0, token.indexOf('.'));
    return new String(Base64.getUrlDecoder().decode(header), StandardCharsets.UTF_8);
  }

  private static boolean valid(String issuer, String audience) {
    TokenValidationOptions options =
        TokenValidationOptions.builder().issuer(issuer).audience(List.of(audience)).build();
    return accepted(() -> client.authentication().validateAccessToken(token, options));
  }

  /** Whether the SDK takes it: it says no in one of two ways. */
  private static boolean accepted(BooleanSupplier check) {
    try {
      return check.getAsBoolean();
    } catch (APIException refusal) {
      return false;
    }
  }
}
