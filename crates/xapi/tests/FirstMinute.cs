// What the vendor's C# SDK, and with it the PowerShell module, calls at login and around a listing, in its order and its
// notation, by .NET's own HTTP and the SDK's JSON library, against `cbt serve`. The SDK itself is on no registry that
// Debian's Mono knows.
//
//     mono FirstMinute.exe CBT

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

class Failure : Exception
{
    public readonly List<string> Description;

    public Failure(IEnumerable<string> description) : base(string.Join(", ", description))
    {
        Description = description.ToList();
    }
}

// As the SDK has them: what it does not know is skipped, and what is of another type is an error.
class Pool
{
    [JsonProperty(Required = Required.Always)] public string uuid;
    [JsonProperty(Required = Required.Always)] public string master;
    public Dictionary<string, string> other_config;
}

class Host
{
    [JsonProperty(Required = Required.Always)] public long API_version_major;
    [JsonProperty(Required = Required.Always)] public long API_version_minor;
    [JsonProperty(Required = Required.Always)] public Dictionary<string, string> software_version;
    public bool enabled;
}

class VDI
{
    [JsonProperty(Required = Required.Always)] public string uuid;
    [JsonProperty(Required = Required.Always)] public long virtual_size;
    [JsonProperty(Required = Required.Always)] public bool cbt_enabled;
    [JsonProperty(Required = Required.Always)] public string snapshot_of;
    [JsonProperty(Required = Required.Always)] public string snapshot_time;
    [JsonProperty(Required = Required.Always)] public string type;
    public string[] tags;
    public string[] allowed_operations;
    public Dictionary<string, string> other_config;
}

class VdiNbdServerInfo
{
    public string exportname, address, cert, subject;
    public long port;
}

class Session
{
    readonly string url;
    readonly JsonSerializerSettings settings = new JsonSerializerSettings
    {
        DateParseHandling = DateParseHandling.None,
        NullValueHandling = NullValueHandling.Ignore
    };
    public string Reference;
    // It speaks 1.0 until it knows the version of the API.
    bool two;
    int id;

    public Session(string url)
    {
        this.url = url;
    }

    public T Raw<T>(string method, params object[] parameters)
    {
        var request = new Dictionary<string, object> { { "id", ++id }, { "method", method }, { "params", parameters } };
        if (two)
            request["jsonrpc"] = "2.0";
        var web = (HttpWebRequest)WebRequest.Create(new Uri(new Uri(url), "/jsonrpc"));
        web.Method = "POST";
        web.ContentType = "application/json";
        web.Accept = "application/json";
        web.ServicePoint.Expect100Continue = false;
        var body = Encoding.UTF8.GetBytes(JsonConvert.SerializeObject(request, settings));
        using (var stream = web.GetRequestStream())
            stream.Write(body, 0, body.Length);
        using (var response = (HttpWebResponse)web.GetResponse())
        using (var reader = new StreamReader(response.GetResponseStream()))
        {
            var answer = JsonConvert.DeserializeObject<JObject>(reader.ReadToEnd(), settings);
            Program.Expect(method, (int)answer["id"], id);
            var error = answer["error"];
            if (error != null && error.Type != JTokenType.Null)
                throw new Failure(two
                    ? new[] { (string)error["message"] }.Concat(error["data"].ToObject<string[]>())
                    : error.ToObject<string[]>());
            return answer["result"].ToObject<T>(JsonSerializer.Create(settings));
        }
    }

    public T Get<T>(string method, params object[] parameters)
    {
        return Raw<T>(method, new object[] { Reference }.Concat(parameters).ToArray());
    }

    public void Fails(string code, string method, params object[] parameters)
    {
        try
        {
            Get<JToken>(method, parameters);
        }
        catch (Failure failure)
        {
            Program.Expect(method, failure.Description[0], code);
            return;
        }
        throw new Exception(method + ": " + code + " was expected");
    }

    public void Login(string password)
    {
        Reference = Raw<string>("session.login_with_password", "root", password, "2.21", "XenServer PowerShell Module");
        var pool = Get<Dictionary<string, Pool>>("pool.get_all_records").Values.Single();
        var host = Get<Host>("host.get_record", pool.master);
        Program.Expect("version", host.API_version_major + "." + host.API_version_minor, "2.21");
        Program.Expect("xapi", host.software_version["xapi"].Split('.').Length, 2);
        two = true;
        Program.Expect("superuser", Get<bool>("session.get_is_local_superuser", Reference), true);
        Program.Expect("subject", Get<string>("session.get_subject", Reference), "OpaqueRef:NULL");
        Program.Expect("sid", Get<string>("session.get_auth_user_sid", Reference), "");
        Program.Expect("permissions", Get<string[]>("session.get_rbac_permissions", Reference).Length, 0);
    }

    public void Listing()
    {
        var disk = Get<string>("VDI.create", new Dictionary<string, object>
        {
            { "name_label", "disk" }, { "virtual_size", 64L << 20 }, { "tags", new[] { "a" } },
            { "other_config", new Dictionary<string, string> { { "a", "b" } } }
        });
        Get<string>("VDI.enable_cbt", disk);
        var older = Get<string>("VDI.snapshot", disk, new Dictionary<string, string>());
        var newer = Get<string>("VDI.snapshot", disk, new Dictionary<string, string>());
        var record = Get<Dictionary<string, VDI>>("VDI.get_all_records")[newer];
        Program.Expect("size", record.virtual_size, 64L << 20);
        Program.Expect("snapshot_of", record.snapshot_of, disk);
        Program.Expect("tags", record.tags.Single(), "a");
        Program.Expect("other_config", record.other_config["a"], "b");
        Program.Expect("by uuid", Get<string>("VDI.get_by_uuid", record.uuid), newer);
        DateTime.ParseExact(record.snapshot_time, "yyyyMMdd'T'HH:mm:ss'Z'", null);
        var bitmap = Convert.FromBase64String(Get<string>("VDI.list_changed_blocks", older, newer));
        Program.Expect("bitmap", bitmap.Length, 128);
        Program.Expect("nbd", Get<VdiNbdServerInfo[]>("VDI.get_nbd_info", newer).Length, 0);
        var task = Get<string>("Async.VDI.data_destroy", older);
        while (Get<string>("task.get_status", task) == "pending")
            System.Threading.Thread.Sleep(5);
        Program.Expect("task", Get<string>("task.get_status", task), "success");
        Get<string>("task.destroy", task);
        Get<string>("VDI.add_to_other_config", older, "backup", "1");
        Get<string>("VDI.set_name_label", older, "näme");
        var found = Get<Dictionary<string, VDI>>("VDI.get_all_records_where", "field \"name__label\" = \"näme\"");
        Program.Expect("found", found.Single().Value.type, "cbt_metadata");
        Get<string>("VDI.resize", disk, 65L << 20);
        Fails("SR_BACKEND_FAILURE_79", "VDI.resize", disk, 64L << 20);
        Program.Expect("machines", Get<JObject>("VM.get_all_records").Count, 0);
        Fails("UUID_INVALID", "VM.get_by_uuid", "none");
        Fails("INVALID_VALUE", "VDI.get_all_records_where", "field name");
        Fails("MESSAGE_METHOD_UNKNOWN", "VDI.update", disk);
        Get<string>("SR.scan", Get<string>("VDI.get_SR", disk));
        var own = Get<string>("task.create", "backup", "of a disk");
        Get<string>("task.set_progress", own, 0.5);
        Program.Expect("progress", Get<double>("task.get_progress", own), 0.5);
        Get<string>("task.set_status", own, "success");
        Get<string>("task.destroy", own);
        Program.Expect("host", Get<string[]>("host.get_all").Single(), Get<string>("session.get_this_host", Reference));
        Program.Expect("logout", Get<string>("session.logout"), "");
        Fails("SESSION_INVALID", "VDI.get_all");
    }
}

static class Program
{
    public static void Expect<T>(string name, T found, T expected)
    {
        if (!Equals(found, expected))
            throw new Exception(name + ": " + found + ", not " + expected);
    }

    static void Main(string[] arguments)
    {
        var store = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        Directory.CreateDirectory(store);
        var start = new ProcessStartInfo(arguments[0], "serve --listen 127.0.0.1:0 --store " + store)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true
        };
        using (var server = Process.Start(start))
        {
            try
            {
                var told = new Dictionary<string, string>();
                while (!told.ContainsKey("password"))
                {
                    var line = server.StandardOutput.ReadLine().Split(' ');
                    told[line[0]] = line[1];
                }
                var session = new Session(told["url"]);
                session.Fails("SESSION_AUTHENTICATION_FAILED", "session.login_with_password", "wrong");
                session.Login(told["password"]);
                session.Listing();
            }
            finally
            {
                server.Kill();
                server.WaitForExit();
                Directory.Delete(store, true);
            }
        }
        Console.WriteLine("calls of the C# SDK: ok");
    }
}
