import com.scalekit.api.DomainClient;
import com.scalekit.grpc.scalekit.v1.domains.CreateDomain;
import com.scalekit.grpc.scalekit.v1.domains.CreateDomainRequest;
import com.scalekit.grpc.scalekit.v1.domains.Domain;
import com.scalekit.grpc.scalekit.v1.domains.DomainType;
import com.scalekit.grpc.scalekit.v1.domains.VerificationMethod;
import com.scalekit.grpc.scalekit.v1.domains.VerificationStatus;
import java.util.List;

/**
 * Drive DomainService with the official Java SDK and say what was seen, step by step.
 *
 * <p>Reads SCALEKIT_ENVIRONMENT_URL (port 443, none other is possible), SCALEKIT_CLIENT_ID and
 * SCALEKIT_CLIENT_SECRET. Prints one line of JSON per step of ../steps.json; the first step that
 * fails ends the program.
 */
public final class Domains extends Steps {

  private static final DomainType OWNED = DomainType.ORGANIZATION_DOMAIN;
  private static final DomainType ALLOWED = DomainType.ALLOWED_EMAIL_DOMAIN;
  private static final String NOWHERE = "org_" + UNKNOWN;
  private static final String NOTHING = "dom_" + UNKNOWN;

  private static final DomainClient domains = client.domains();
  private static final String acme = createOrganization("Acme");
  private static final String globex = createOrganization("Globex");
  private static Domain domain;
  private static List<Domain> typed;

  public static void main(String[] arguments) {
    step("empty_list", () -> equal(domains.listDomainsByOrganizationId(acme), List.of()));
    step("create", Domains::create);
    step("create_typed", Domains::createTyped);
    step("get", () -> equal(domains.getDomainById(acme, domain.getId()), domain));
    step("list", Domains::list);
    step("list_by_type", Domains::listByType);
    step("refused", Domains::refused);
    step("duplicate", Domains::duplicate);
    step("not_found", Domains::notFound);
    step("delete", Domains::delete);
    step("domain_is_free_again", Domains::domainIsFreeAgain);
    System.exit(0); // the SDK's threads outlive main
  }

  private static void create() {
    domain = domains.createDomain(acme, "acme-" + RUN + ".com");
    check(domain.getId().startsWith("dom_"), domain);
    equal(domain.getDomain(), "acme-" + RUN + ".com");
    equal(domain.getOrganizationId(), acme);
    check(domain.getEnvironmentId().startsWith("env_"), domain);
    equal(domain.getDomainType(), OWNED);
    equal(domain.getVerificationStatus(), VerificationStatus.VERIFIED);
    equal(domain.getVerificationMethod(), VerificationMethod.ADMIN);
    check(domain.getCreateTime().getSeconds() > 0, domain);
    check(domain.getUpdateTime().getSeconds() > 0, domain);
  }

  private static void createTyped() {
    var request =
        CreateDomainRequest.newBuilder()
            .setOrganizationId(acme)
            .setDomain(
                CreateDomain.newBuilder()
                    .setDomain("allowed.allowed-" + RUN + ".com")
                    .setDomainType(ALLOWED))
            .build();
    typed =
        List.of(
            domains.createDomain(acme, "owned.acme-" + RUN + ".com", OWNED),
            domains.createDomain(acme, "allowed-" + RUN + ".com", ALLOWED),
            domains.createDomain(acme, "owned-" + RUN + ".test"),
            domains.createDomain(request));
    equal(
        typed.stream().map(Domain::getDomainType).toList(),
        List.of(OWNED, ALLOWED, OWNED, ALLOWED));
    equal(typed.get(1).getVerificationMethod(), VerificationMethod.NOT_APPLICABLE);
  }

  private static void list() {
    equal(
        domains.listDomainsByOrganizationId(acme),
        List.of(typed.get(3), typed.get(2), typed.get(1), typed.get(0), domain));
    equal(domains.listDomainsByOrganizationId(globex), List.of());
  }

  private static void listByType() {
    equal(
        domains.listDomainsByOrganizationId(acme, OWNED),
        List.of(typed.get(2), typed.get(0), domain));
    equal(
        domains.listDomainsByOrganizationId(acme, ALLOWED), List.of(typed.get(3), typed.get(1)));
  }

  private static void refused() {
    for (String name :
        List.of("acme", "gmail.com", "mailinator.com", "under_score-" + RUN + ".com")) {
      checkBadRequest(() -> domains.createDomain(acme, name));
    }
    checkBadRequest(() -> domains.createDomain(acme, "outlook.com", ALLOWED));
  }

  private static void duplicate() {
    String name = domain.getDomain();
    checkDuplicate("domain", () -> domains.createDomain(acme, name));
    checkDuplicate("domain", () -> domains.createDomain(globex, name));
    checkDuplicate("domain", () -> domains.createDomain(acme, name.toUpperCase()));
  }

  private static void notFound() {
    String id = domain.getId();
    checkNotFound(() -> domains.getDomainById(acme, NOTHING));
    checkNotFound(() -> domains.getDomainById(globex, id));
    checkNotFound(() -> domains.deleteDomain(globex, id));
    checkNotFound(() -> domains.deleteDomain(acme, NOTHING));
    checkNotFound(() -> domains.createDomain(NOWHERE, "nowhere-" + RUN + ".com"));
    checkNotFound(() -> domains.listDomainsByOrganizationId("no-organization-id"));
    checkNotFound(() -> domains.getDomainById(NOWHERE, id));
  }

  private static void delete() {
    domains.deleteDomain(acme, domain.getId());
    checkNotFound(() -> domains.getDomainById(acme, domain.getId()));
    checkNotFound(() -> domains.deleteDomain(acme, domain.getId()));
    check(!domains.listDomainsByOrganizationId(acme).contains(domain), "still listed");
  }

  private static void domainIsFreeAgain() {
    Domain again = domains.createDomain(globex, domain.getDomain());
    check(!again.getId().equals(domain.getId()), "the old domain came back");
    deleteOrganizations(globex);
    domains.createDomain(acme, domain.getDomain());
    deleteOrganizations(acme);
  }
}
