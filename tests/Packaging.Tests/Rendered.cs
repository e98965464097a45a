using YamlDotNet.RepresentationModel;

namespace Nf.Packaging.Tests;

/// <summary>The objects that the chart renders.</summary>
internal sealed class Rendered
{
    private readonly List<YamlMappingNode> _objects;

    private Rendered(List<YamlMappingNode> objects) => _objects = objects;

    internal IEnumerable<string> Kinds => _objects.Select(o => Text(o, "kind"));

    internal YamlMappingNode DaemonSet => Single("DaemonSet");

    internal YamlMappingNode Pod => Map(DaemonSet, "spec", "template", "spec");

    internal YamlMappingNode DataPlane => Container("nf-dataplane");

    internal YamlMappingNode Service => Container("nf-service");

    /// <summary>Renders with options of helm; a failure of helm fails the test.</summary>
    internal static Rendered With(params string[] arguments)
    {
        (int code, string output, string errors) = Helm.Template(arguments);
        Assert.True(code == 0, errors);
        var stream = new YamlStream();
        stream.Load(new StringReader(output));
        return new Rendered([.. stream.Documents.Select(d => d.RootNode).OfType<YamlMappingNode>()]);
    }

    internal YamlMappingNode Single(string kind) => Assert.Single(_objects, o => Text(o, "kind") == kind);

    internal YamlMappingNode Named(string name, params string[] listPath) =>
        Assert.Single(List(Pod, listPath).Cast<YamlMappingNode>(), item => Text(item, "name") == name);

    /// <summary>Whether the node is there.</summary>
    internal static bool Has(YamlNode node, params string[] path) => Find(node, path) is not null;

    internal static YamlMappingNode Map(YamlNode node, params string[] path) => (YamlMappingNode)Get(node, path);

    internal static IEnumerable<YamlNode> List(YamlNode node, params string[] path) =>
        ((YamlSequenceNode)Get(node, path)).Children;

    internal static string[] Texts(YamlNode node, params string[] path) =>
        [.. List(node, path).Select(item => ((YamlScalarNode)item).Value!)];

    internal static string Text(YamlNode node, params string[] path) => ((YamlScalarNode)Get(node, path)).Value!;

    private YamlMappingNode Container(string name) => Named(name, "containers");

    private static YamlNode Get(YamlNode node, string[] path) =>
        Find(node, path) ?? throw new KeyNotFoundException($"no {string.Join('.', path)} in\n{node}");

    private static YamlNode? Find(YamlNode node, string[] path)
    {
        YamlNode? at = node;
        foreach (string key in path)
        {
            at = at is YamlMappingNode map && map.Children.TryGetValue(key, out YamlNode? next) ? next : null;
        }

        return at;
    }
}
