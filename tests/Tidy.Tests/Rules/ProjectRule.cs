using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Nf.Tidy.Tests.Rules;

/// <summary>Which project may reference which, and where unsafe code may be compiled.</summary>
internal static partial class ProjectRule
{
    /// <summary>What each project under src/ may reference; "compat" is the stand-ins of missing packages.</summary>
    internal static readonly IReadOnlyDictionary<string, string[]> Allowed = new Dictionary<string, string[]>
    {
        ["Linux"] = [],
        ["SharedMemory"] = ["Linux"],
        ["DataPlane"] = ["SharedMemory", "Linux"],
        ["Client"] = ["SharedMemory", "Linux"],
        ["Keeper"] = ["SharedMemory", "Linux"],
        ["NfService"] = ["SharedMemory", "Linux", "compat"],
        ["Nfctl"] = ["compat"],
    };

    private static readonly HashSet<string> UnsafeProjects = ["Linux", "SharedMemory", "DataPlane", "Client"];

    /// <summary>References written in the project file itself, and where its unsafe switch stands.</summary>
    internal static IEnumerable<Violation> Check(SourceFile file)
    {
        if (file.Extension != ".csproj")
        {
            yield break;
        }

        string project = Path.GetFileNameWithoutExtension(file.Path);
        XElement xml = XElement.Parse(file.Text);
        foreach (XElement reference in xml.Descendants("ProjectReference"))
        {
            string target = TargetOf((string?)reference.Attribute("Include") ?? string.Empty);
            bool orderOnly = string.Equals(
                (string?)reference.Attribute("ReferenceOutputAssembly"),
                "false",
                StringComparison.OrdinalIgnoreCase);
            if (!orderOnly && !MayReference(file, project, target))
            {
                yield return file.At(1, $"{project} must not reference {target}");
            }
        }

        bool isUnsafe = xml.Descendants("AllowUnsafeBlocks").Any(e => e.Value == "true");
        if (isUnsafe && file.IsUnder("src") && !UnsafeProjects.Contains(project))
        {
            yield return file.At(1, $"{project} must do without unsafe code");
        }
    }

    /// <summary>Namespaces of other projects named in a source file, by using or in full.</summary>
    internal static IEnumerable<Violation> CheckNamespaces(SourceFile file)
    {
        string[] parts = file.Path.Split('/');
        if (!file.IsCSharp || parts[0] != "src" || !Allowed.TryGetValue(parts[1], out string[]? allowed))
        {
            yield break;
        }

        foreach (Match match in ProjectNamespace().Matches(file.Text))
        {
            string target = match.Groups[1].Value switch
            {
                "Service" => "NfService",
                "Ctl" => "Nfctl",
                string same => same,
            };
            if (target != parts[1] && !allowed.Contains(target))
            {
                yield return file.At(file.LineAt(match.Index), $"{parts[1]} must not know {match.Value}");
            }
        }
    }

    private static bool MayReference(SourceFile file, string project, string target)
    {
        if (file.IsUnder("src"))
        {
            return Allowed.TryGetValue(project, out string[]? allowed) && allowed.Contains(target);
        }

        if (file.IsUnder("compat"))
        {
            return target == "compat";
        }

        // Only its own tests, benches and fuzzers look inside the data plane; everybody else talks to the running
        // process.
        return target != "DataPlane" ||
            project is "DataPlane.Tests" or "DataPlane.Bench" or "ForwarderLife" or "SteerBench" or "VhostFuzz";
    }

    private static string TargetOf(string include)
    {
        string path = include.Replace('\\', '/');
        return path.Contains("compat/", StringComparison.Ordinal) || CompatSibling().IsMatch(path)
            ? "compat"
            : Path.GetFileNameWithoutExtension(path);
    }

    [GeneratedRegex(@"\bNf\.(Linux|SharedMemory|DataPlane|Client|Keeper|Service|Ctl)\b")]
    private static partial Regex ProjectNamespace();

    [GeneratedRegex(@"/(Grpc\.[\w.]+)\.csproj$")]
    private static partial Regex CompatSibling();
}
