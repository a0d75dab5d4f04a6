import com.scalekit.ScalekitClient;
import com.scalekit.exceptions.APIException;
import com.scalekit.grpc.scalekit.v1.organizations.CreateOrganization;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Function;

/**
 * What the programs share: where the server is, how a step is shown, how a refusal is looked at.
 *
 * <p>A step is one line of JSON on standard output; the first one that fails ends the program. The
 * SDK's jar renames com.google.protobuf, so wrapped values are set through their parents' builders
 * and never named in a program.
 */
abstract class Steps {

  static final String URL = System.getenv("SCALEKIT_ENVIRONMENT_URL");
  static final String CLIENT_ID = System.getenv("SCALEKIT_CLIENT_ID");
  static final String CLIENT_SECRET = System.getenv("SCALEKIT_CLIENT_SECRET");

  /** Makes names this run's own. */
  static final String RUN = UUID.randomUUID().toString().replace("-", "").substring(0, 12);

  /** Behind a prefix: the id of nothing. */
  static final String UNKNOWN = "1234567890123456789";

  static final ScalekitClient client = new ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET);

  // gRPC status codes
  private static final int INVALID_ARGUMENT = 3;
  private static final int NOT_FOUND = 5;

  static void step(String name, Runnable show) {
    try {
      show.run();
    } catch (RuntimeException | AssertionError failure) {
      System.out.printf("{\"step\": \"%s\", \"ok\": false}%n", name);
      failure.printStackTrace();
      System.exit(1);
    }
    System.out.printf("{\"step\": \"%s\", \"ok\": true}%n", name);
  }

  static void equal(Object got, Object want) {
    check(Objects.equals(got, want), "got " + got + ", want " + want);
  }

  static void check(boolean holds, Object otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }

  static APIException failureOf(Runnable call) {
    try {
      call.run();
    } catch (APIException failure) {
      return failure;
    }
    throw new AssertionError("the call succeeded");
  }

  static void checkNotFound(Runnable call) {
    APIException failure = failureOf(call);
    check(failure.getGrpcStatusCode() == NOT_FOUND, failure);
    check(failure.getMessage().contains("not found"), failure);
  }

  static APIException checkBadRequest(Runnable call) {
    APIException failure = failureOf(call);
    check(failure.getGrpcStatusCode() == INVALID_ARGUMENT, failure);
    equal(failure.getScalekitErrorCode(), "INVALID_ARGUMENT");
    return failure;
  }

  /** For a name inside a request that names nothing: some take that for bad, some for missing. */
  static void checkRefused(Runnable call) {
    APIException failure = failureOf(call);
    int code = failure.getGrpcStatusCode();
    check(code == INVALID_ARGUMENT || code == NOT_FOUND, failure);
  }

  static void checkDuplicate(String field, Runnable call) {
    String message = checkBadRequest(call).getMessage();
    check(message.contains("duplicate key not allowed"), message);
    check(message.contains(field), message);
  }

  static void checkBadField(String field, Runnable call) {
    // The SDK keeps the ErrorInfo to itself and prints it into the message.
    String message = checkBadRequest(call).getMessage();
    check(message.contains("field_violations"), message);
    check(message.contains(field), message);
  }

  /** Show what was changed: it is in force within a second, and then, at the latest, this holds. */
  static void soon(Runnable show) {
    long until = System.nanoTime() + 1_000_000_000L;
    while (true) {
      boolean last = System.nanoTime() > until;
      try {
        show.run();
        return;
      } catch (AssertionError failure) {
        if (last) {
          throw failure;
        }
      }
      sleep(50);
    }
  }

  static void sleep(int milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException interrupted) {
      throw new AssertionError(interrupted);
    }
  }

  record Page(List<String> ids, int totalSize, String nextPageToken) {}

  /** Read pages of 2, newest first, until all of ours were in them. */
  static void readPages(Function<String, Page> read, List<String> ours) {
    List<String> listed = new ArrayList<>();
    String token = "";
    while (!listed.containsAll(ours)) {
      Page page = read.apply(token);
      int size = page.ids().size();
      check(size == 1 || size == 2, "a page of " + size);
      check(page.totalSize() >= ours.size(), "total_size " + page.totalSize());
      for (String id : page.ids()) {
        check(!listed.contains(id), id + " was listed twice");
        listed.add(id);
      }
      token = page.nextPageToken();
      check(!token.isEmpty() || listed.containsAll(ours), "the pages ended before all were seen");
    }
    listed.retainAll(ours);
    equal(listed, reversed(ours)); // newest came first
  }

  static <T> List<T> reversed(List<T> list) {
    List<T> backwards = new ArrayList<>(list);
    Collections.reverse(backwards);
    return backwards;
  }

  static <T> List<String> each(List<T> list, Function<T, String> of) {
    return list.stream().map(of).toList();
  }

  static <T> List<String> sorted(List<T> list, Function<T, String> of) {
    return list.stream().map(of).sorted().toList();
  }

  static String createOrganization(String name) {
    return client
        .organizations()
        .create(CreateOrganization.newBuilder().setDisplayName(name + " " + RUN).build())
        .getId();
  }

  static void deleteOrganizations(String... ids) {
    for (String id : ids) {
      client.organizations().deleteById(id);
    }
  }
}
