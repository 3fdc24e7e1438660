using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

/// <summary>
/// A job to enqueue for Jobspool, with the base class library alone (.NET, or Mono with C# 7).
/// <code>var id = new Jobspool("ExampleJob") { Method = "execute", Params = "[\"Sample Data\"]", Priority = 8, Delay = TimeSpan.FromMinutes(1) }.Enqueue();</code>
/// usage: jobspool [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID] [--traceparent T]
/// [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]
/// </summary>
public sealed class Jobspool
{
    const string Usage = "usage: jobspool [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID]"
        + " [--traceparent T] [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]";

    readonly string className;

    public Jobspool(string className) { this.className = className; }

    public string Method = "handle";
    /// <summary>JSON, as the library of your choice writes it: an array of positional arguments, or an object passed as one argument.</summary>
    public string Params = "[]";
    /// <summary>1 to 10, higher runs first.</summary>
    public int Priority = 5;
    /// <summary>Run so long after now; or at the time <see cref="At"/>.</summary>
    public TimeSpan Delay = TimeSpan.Zero;
    public DateTimeOffset? At;
    /// <summary>Attempts after the first; null: the method's own.</summary>
    public int? Retries;
    /// <summary>An id of your own, which no other live job has; null: one is made.</summary>
    public string Id;
    /// <summary>The trace that the job belongs to, by W3C Trace Context.</summary>
    public string Traceparent, Tracestate;
    /// <summary>The spool's folder; null: $JOBSPOOL_DIR, else ./var/spool.</summary>
    public string Spool;

    /// <summary>
    /// Enqueues the job and returns its id. Once it returns, the job is acknowledged: not even a power cut loses it (on Windows the name may,
    /// whose folder cannot be synced there). Throws ArgumentException for a wrong argument, IOException when the spool cannot be written.
    /// </summary>
    public string Enqueue()
    {
        CheckArguments();
        var now = DateTimeOffset.UtcNow;
        // Not in the calendar of the user's country, which may be in the year 2569.
        var made = now.ToString("yyyyMMdd'T'HHmmss.ffffff'Z'", CultureInfo.InvariantCulture) + "-" + Guid.NewGuid().ToString("N").Substring(0, 6);
        var runAt = At ?? (Delay > TimeSpan.Zero ? now + Delay : (DateTimeOffset?)null);
        var when = runAt == null ? "now" : runAt.Value.UtcDateTime.ToString("yyyyMMdd'T'HHmmss.fff'Z'", CultureInfo.InvariantCulture);
        Publish(made, "p" + Priority + "-" + when + "-" + (Id ?? made) + ".json");
        return Id ?? made;
    }

    void CheckArguments()
    {
        var json = Params.Trim();
        Check(Priority >= 1 && Priority <= 10, "priority: expected a whole number from 1 to 10, got " + Priority);
        Check(Retries == null || Retries >= 0, "retries: expected a whole number from 0 on, got " + Retries);
        Check(Delay >= TimeSpan.Zero, "delay: expected a time from 0 on, got " + Delay);
        Check(At == null || Delay == TimeSpan.Zero, "expected a delay or a time (at), got both");
        Check(Id == null || Regex.IsMatch(Id, @"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z"),
            "id: an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit; got " + Id);
        Check(json.StartsWith("[") && json.EndsWith("]") || json.StartsWith("{") && json.EndsWith("}"),
            "params: expected a JSON array or object, got " + Params);
    }

    string Body()
    {
        var body = "{\"class\":" + Quoted(className) + ",\"method\":" + Quoted(Method) + ",\"params\":" + Params;
        if (Retries != null) body += ",\"retries\":" + Retries;
        if (Traceparent != null) body += ",\"traceparent\":" + Quoted(Traceparent);
        if (Tracestate != null) body += ",\"tracestate\":" + Quoted(Tracestate);
        return body + "}\n";
    }

    void Publish(string made, string name)
    {
        var environment = Environment.GetEnvironmentVariable("JOBSPOOL_DIR");
        var spool = Spool ?? (string.IsNullOrEmpty(environment) ? "./var/spool" : environment);
        var incoming = Path.Combine(spool, "incoming");
        if (!Directory.Exists(incoming))
            throw new IOException("enqueue a job: expected a spool in " + spool + ", found none; start the service once, or set JOBSPOOL_DIR");
        var draft = Path.Combine(spool, "tmp", made + ".json");
        var isOurs = false;
        try
        {
            using (var file = new FileStream(draft, FileMode.CreateNew, FileAccess.Write))
            {
                isOurs = true;
                Write(file, draft);
            }
            Move(draft, Path.Combine(incoming, name));
        }
        catch (Exception error) when (error is IOException || error is UnauthorizedAccessException)
        {
            if (isOurs) File.Delete(draft);
            throw new IOException("enqueue " + name + " by " + draft + ": " + error.Message + "; nothing was enqueued", error);
        }
        if (IsUnix) SyncFolder(incoming);
    }

    void Write(FileStream file, string draft)
    {
        // The service may be another user of the spool's group: whatever the umask, it may read the file, and nobody but its owner may change it.
        if (IsUnix) chmod(draft, Convert.ToUInt32("640", 8));
        var bytes = new UTF8Encoding(false).GetBytes(Body());
        file.Write(bytes, 0, bytes.Length);
        file.Flush(true);
        // Mono does not say when that fails.
        if (IsUnix && fsync((int)file.SafeFileHandle.DangerousGetHandle()) != 0) throw new IOException("the file could not be synced");
    }

    // An id of the caller's own may be there already: a link does not replace that request. File.Move of .NET looks, and renames, which may.
    void Move(string draft, string target)
    {
        if (Id == null || !IsUnix)
        {
            File.Move(draft, target);
            return;
        }
        if (link(draft, target) != 0) throw new IOException(target + " is there already, or cannot be put there (errno " + Marshal.GetLastWin32Error() + ")");
        File.Delete(draft);
    }

    static bool IsUnix => Path.DirectorySeparatorChar == '/';

    // .NET opens no folders: the system's own calls sync one.
    static void SyncFolder(string folder)
    {
        var descriptor = open(folder, 0);
        var isSynced = descriptor >= 0 && fsync(descriptor) == 0;
        if (descriptor >= 0) close(descriptor);
        if (!isSynced) throw new IOException("enqueue a job: the names in " + folder + " could not be synced: a power cut may lose the job still");
    }

    [DllImport("libc", SetLastError = true)] static extern int open(string path, int flags);
    [DllImport("libc", SetLastError = true)] static extern int fsync(int descriptor);
    [DllImport("libc", SetLastError = true)] static extern int close(int descriptor);
    [DllImport("libc", SetLastError = true)] static extern int link(string from, string to);
    [DllImport("libc", SetLastError = true)] static extern int chmod(string path, uint mode);

    static string Quoted(string text)
    {
        return "\"" + string.Concat(text.Select(c => c == '"' || c == '\\' ? "\\" + c : c < ' ' ? "\\u" + ((int)c).ToString("x4") : c.ToString())) + "\"";
    }

    static void Check(bool isRight, string sentence)
    {
        if (!isRight) throw new ArgumentException(sentence);
    }

    public static int Main(string[] args)
    {
        try
        {
            Console.WriteLine(JobOf(new Queue<string>(args)).Enqueue());
            return 0;
        }
        catch (ArgumentException wrong)
        {
            Console.Error.WriteLine(wrong.Message);
            return 2;
        }
        catch (IOException error)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
    }

    static Jobspool JobOf(Queue<string> args)
    {
        var given = new List<string[]>();
        while (args.Count > 0 && args.Peek().StartsWith("--"))
        {
            Check(args.Count >= 2, Usage);
            given.Add(new[] { args.Dequeue().Substring(2), args.Dequeue() });
        }
        Check(args.Count >= 1 && args.Count <= 3, Usage);
        var job = new Jobspool(args.Dequeue());
        if (args.Count > 0) job.Method = args.Dequeue();
        if (args.Count > 0) job.Params = args.Dequeue();
        foreach (var option in given) job.Set(option[0], option[1]);
        return job;
    }

    void Set(string option, string value)
    {
        switch (option)
        {
            case "priority": Priority = Whole(option, value); break;
            case "delay": Delay = TimeSpan.FromSeconds(Whole(option, value)); break;
            case "at":
                DateTimeOffset time;
                var isShaped = Regex.IsMatch(value, @"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z\z");
                Check(DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.None, out time) && isShaped,
                    "at: expected a UTC time such as 2026-11-22T10:15:00Z, got " + value);
                At = time;
                break;
            case "retries": Retries = Whole(option, value); break;
            case "id": Id = value; break;
            case "traceparent": Traceparent = value; break;
            case "tracestate": Tracestate = value; break;
            default: Check(false, Usage); break;
        }
    }

    static int Whole(string option, string value)
    {
        int number;
        Check(int.TryParse(value, out number), option + ": expected a whole number, got " + value);
        return number;
    }
}
