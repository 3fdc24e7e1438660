import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * A job to enqueue for Jobspool, with the JDK alone (11 or newer).
 *
 * <pre>String id = new Jobspool("ExampleJob").method("execute").params("[\"Sample Data\"]").priority(8).delay(Duration.ofMinutes(1)).enqueue();</pre>
 *
 * usage: java Jobspool.java [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID] [--traceparent T]
 * [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]
 */
public final class Jobspool {
    private static final String USAGE = "usage: java Jobspool.java [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N]"
            + " [--id ID] [--traceparent T] [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]";
    private static final DateTimeFormatter MILLIS = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss.SSS'Z'").withZone(ZoneOffset.UTC);
    private static final DateTimeFormatter MICROS = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss.SSSSSS'Z'").withZone(ZoneOffset.UTC);

    private final String className;
    private final StringBuilder fields = new StringBuilder();
    private String method = "handle";
    private String params = "[]";
    private int priority = 5;
    private Duration delay = Duration.ZERO;
    private Instant at;
    private String id;
    private Path spool = Path.of(System.getenv("JOBSPOOL_DIR") == null || System.getenv("JOBSPOOL_DIR").isEmpty() ? "./var/spool" : System.getenv("JOBSPOOL_DIR"));

    public Jobspool(String className) {
        this.className = className;
    }

    public Jobspool method(String method) {
        this.method = method;
        return this;
    }

    /** JSON, as the library of your choice writes it: an array of positional arguments, or an object passed as one argument. */
    public Jobspool params(String json) {
        String text = json.trim();
        check(text.startsWith("[") && text.endsWith("]") || text.startsWith("{") && text.endsWith("}"), "params: expected a JSON array or object, got " + json);
        params = text;
        return this;
    }

    /** 1 to 10, higher runs first. */
    public Jobspool priority(int priority) {
        check(priority >= 1 && priority <= 10, "priority: expected a whole number from 1 to 10, got " + priority);
        this.priority = priority;
        return this;
    }

    /** Runs it so long after now. */
    public Jobspool delay(Duration delay) {
        check(!delay.isNegative(), "delay: expected a time from 0 on, got " + delay);
        this.delay = delay;
        return this;
    }

    /** Runs it at this time. */
    public Jobspool at(Instant at) {
        this.at = at;
        return this;
    }

    /** Attempts after the first; else the method's own. */
    public Jobspool retries(int retries) {
        check(retries >= 0, "retries: expected a whole number from 0 on, got " + retries);
        fields.append(",\"retries\":").append(retries);
        return this;
    }

    /** An id of your own, which no other live job has. */
    public Jobspool id(String id) {
        check(id.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,99}"),
                "id: an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit; got " + id);
        this.id = id;
        return this;
    }

    /** The trace that the job belongs to, by W3C Trace Context. */
    public Jobspool traceparent(String traceparent) {
        fields.append(",\"traceparent\":").append(quoted(traceparent));
        return this;
    }

    public Jobspool tracestate(String tracestate) {
        fields.append(",\"tracestate\":").append(quoted(tracestate));
        return this;
    }

    /** The spool's folder; else $JOBSPOOL_DIR, else ./var/spool. */
    public Jobspool spool(Path spool) {
        this.spool = spool;
        return this;
    }

    /**
     * Enqueues the job and returns its id. Once it returns, the job is acknowledged: not even a power cut loses it. Throws
     * IllegalArgumentException, as all of this class, for a wrong argument, FileAlreadyExistsException where a request of that id waits already.
     */
    public String enqueue() throws IOException {
        check(at == null || delay.isZero(), "expected a delay or a time (at), got both");
        Instant now = Instant.now();
        String made = MICROS.format(now) + "-" + String.format("%06x", new SecureRandom().nextInt(0x1000000));
        String runAt = at != null ? MILLIS.format(at) : delay.isZero() ? "now" : MILLIS.format(now.plus(delay));
        String body = "{\"class\":" + quoted(className) + ",\"method\":" + quoted(method) + ",\"params\":" + params + fields + "}\n";
        publish(made, "p" + priority + "-" + runAt + "-" + (id == null ? made : id) + ".json", body);
        return id == null ? made : id;
    }

    private void publish(String made, String name, String body) throws IOException {
        Path incoming = spool.resolve("incoming");
        if (!Files.isDirectory(incoming)) {
            throw new NoSuchFileException("enqueue a job: expected a spool in " + spool + ", found none; start the service once, or set JOBSPOOL_DIR");
        }
        Path draft = spool.resolve("tmp").resolve(made + ".json");
        try {
            Files.createFile(draft);
            publish(draft, incoming.resolve(name), body);
        } catch (FileAlreadyExistsException error) {
            throw new FileAlreadyExistsException(error.getFile(), null, "it is there already; nothing was enqueued");
        } catch (IOException error) {
            throw new IOException("enqueue " + name + " by " + draft + ": " + error + "; nothing was enqueued", error);
        }
        // The name itself survives a power cut once its folder is synced; Windows syncs no folders.
        if (isWindows()) return;
        try (FileChannel folder = FileChannel.open(incoming, StandardOpenOption.READ)) {
            folder.force(true);
        } catch (IOException error) {
            throw new IOException("enqueue " + name + ": sync " + incoming + ": " + error + "; a power cut may lose the job still", error);
        }
    }

    private void publish(Path draft, Path target, String body) throws IOException {
        try {
            write(draft, body);
            // An id of the caller's own may be there already: a move would replace that request, a link does not.
            if (id != null) Files.createLink(target, draft);
            else Files.move(draft, target, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(draft);
        }
    }

    private static void write(Path draft, String body) throws IOException {
        try (FileChannel file = FileChannel.open(draft, StandardOpenOption.WRITE)) {
            // The service may be another user of the spool's group: whatever the umask, it may read the file, and nobody but its owner may change it.
            if (!isWindows()) Files.setPosixFilePermissions(draft, PosixFilePermissions.fromString("rw-r-----"));
            ByteBuffer bytes = StandardCharsets.UTF_8.encode(body);
            while (bytes.hasRemaining()) file.write(bytes);
            file.force(true);
        }
    }

    private static boolean isWindows() {
        return java.io.File.separatorChar == '\\';
    }

    private static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') json.append('\\').append(c);
            else if (c < ' ') json.append(String.format("\\u%04x", (int) c));
            else json.append(c);
        }
        return json.append('"').toString();
    }

    private static void check(boolean isRight, String sentence) {
        if (!isRight) throw new IllegalArgumentException(sentence);
    }

    public static void main(String[] args) {
        try {
            System.out.println(jobOf(new ArrayDeque<>(Arrays.asList(args))).enqueue());
        } catch (IllegalArgumentException wrong) {
            System.err.println(wrong.getMessage());
            System.exit(2);
        } catch (IOException error) {
            System.err.println(error.getMessage());
            System.exit(1);
        }
    }

    private static Jobspool jobOf(ArrayDeque<String> args) {
        ArrayDeque<String> given = new ArrayDeque<>();
        while (!args.isEmpty() && args.peek().startsWith("--")) {
            check(args.size() >= 2, USAGE);
            given.add(args.poll());
            given.add(args.poll());
        }
        check(args.size() >= 1 && args.size() <= 3, USAGE);
        Jobspool job = new Jobspool(args.poll());
        if (!args.isEmpty()) job.method(args.poll());
        if (!args.isEmpty()) job.params(args.poll());
        while (!given.isEmpty()) job.set(given.poll().substring(2), given.poll());
        return job;
    }

    private void set(String option, String value) {
        switch (option) {
            case "priority": priority(whole(option, value)); break;
            case "delay": delay(Duration.ofSeconds(whole(option, value))); break;
            case "at": at(time(value)); break;
            case "retries": retries(whole(option, value)); break;
            case "id": id(value); break;
            case "traceparent": traceparent(value); break;
            case "tracestate": tracestate(value); break;
            default: check(false, USAGE);
        }
    }

    private static Instant time(String value) {
        try {
            if (value.matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{3})?Z")) return Instant.parse(value);
        } catch (DateTimeException noSuchDay) {
            // As any other text that is no time.
        }
        throw new IllegalArgumentException("at: expected a UTC time such as 2026-11-22T10:15:00Z, got " + value);
    }

    private static int whole(String option, String value) {
        check(value.matches("-?\\d{1,9}"), option + ": expected a whole number, got " + value);
        return Integer.parseInt(value);
    }
}
