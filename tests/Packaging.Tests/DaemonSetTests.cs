using YamlDotNet.RepresentationModel;
using static Nf.Packaging.Tests.Rendered;

namespace Nf.Packaging.Tests;

public class DaemonSetTests
{
    private static readonly string[] DataPlaneCapabilities = ["NET_ADMIN", "NET_RAW", "BPF", "PERFMON", "IPC_LOCK"];

    [Fact]
    public void Defaults_DataPlane_HasTheCapabilitiesItUsesAndNoOthers()
    {
        YamlMappingNode context = Map(Rendered.With().DataPlane, "securityContext");

        Assert.Equal(["ALL"], Texts(context, "capabilities", "drop"));
        Assert.Equal(DataPlaneCapabilities, Texts(context, "capabilities", "add"));
        Assert.Equal("false", Text(context, "allowPrivilegeEscalation"));
        Assert.Equal("true", Text(context, "readOnlyRootFilesystem"));
        Assert.False(Has(context, "privileged"));
    }

    [Fact]
    public void Defaults_Service_HasNoCapability()
    {
        YamlMappingNode context = Map(Rendered.With().Service, "securityContext");

        Assert.Equal(["ALL"], Texts(context, "capabilities", "drop"));
        Assert.False(Has(context, "capabilities", "add"));
        Assert.Equal("RuntimeDefault", Text(context, "seccompProfile", "type"));
    }

    [Fact]
    public void Defaults_RunDirectory_IsTheNodesAndSharedByBoth()
    {
        Rendered chart = Rendered.With();

        Assert.Equal("/run/nf", Text(chart.Named("run", "volumes"), "hostPath", "path"));
        foreach (YamlMappingNode container in new[] { chart.DataPlane, chart.Service })
        {
            YamlNode mount = Assert.Single(List(container, "volumeMounts"), m => Text(m, "name") == "run");
            Assert.Equal("/run/nf", Text(mount, "mountPath"));
        }
    }

    [Fact]
    public void RunDirectory_OfThePod_IsAnEmptyDir()
    {
        YamlMappingNode volume = Rendered.With("--set", "runDirectory.hostPath=").Named("run", "volumes");

        Assert.True(Has(volume, "emptyDir"));
        Assert.False(Has(volume, "hostPath"));
    }

    [Fact]
    public void OtherNamespaces_On_AddsSysAdminAndSeesNamespacesMadeLater()
    {
        Rendered chart = Rendered.With("--set", "dataPlane.otherNamespaces=true");

        Assert.Equal(
            [.. DataPlaneCapabilities, "SYS_ADMIN"],
            Texts(chart.DataPlane, "securityContext", "capabilities", "add"));
        YamlNode mount = Assert.Single(List(chart.DataPlane, "volumeMounts"), m => Text(m, "name") == "netns");
        Assert.Equal("HostToContainer", Text(mount, "mountPropagation"));
        Assert.Equal("/run/netns", Text(chart.Named("netns", "volumes"), "hostPath", "path"));
    }

    [Fact]
    public void DataPlaneOptions_Set_ReachTheKeeperAndItsChild()
    {
        Rendered chart = Rendered.With(
            "--set", "dataPlane.workers={2,3}", "--set", "dataPlane.spinMicroseconds=0",
            "--set", "dataPlane.xdpAttach=netlink", "--set", "dataPlane.spare=false",
            "--set-json", "dataPlane.heartbeatTimeoutSeconds=2.5");

        Assert.Equal(
            [
                "--run", "/run/nf", "--heartbeat-timeout", "2.5", "--no-spare",
                "--", "--workers", "2,3", "--spin-us", "0", "--xdp-attach", "netlink",
            ],
            Texts(chart.DataPlane, "args"));
    }

    [Fact]
    public void Quotas_Set_ReachTheService()
    {
        Rendered chart = Rendered.With(
            "--set", "service.quotas.team-a=512M", "--set-string", "service.quotaDefault=1048576");

        Assert.Equal(
            [
                "--run", "/run/nf", "--metrics", "http://$(POD_IP):9464", "--quota", "team-a=512M", "--quota-default",
                "1048576",
            ],
            Texts(chart.Service, "args"));
    }

    [Fact]
    public void Hugepages_Set_AreLimits()
    {
        YamlMappingNode limits = Map(
            Rendered.With("--set", "dataPlane.hugepages.2Mi=512Mi").DataPlane, "resources", "limits");

        Assert.Equal("512Mi", Text(limits, "hugepages-2Mi"));
        Assert.Equal("1Gi", Text(limits, "memory"));
        Assert.False(Has(limits, "hugepages-1Gi"));
    }

    [Fact]
    public void Quantities_Defaults_AreStrings()
    {
        // A server that was applied to by the server's side takes no numbers here.
        foreach (YamlMappingNode container in new[] { Rendered.With().DataPlane, Rendered.With().Service })
        {
            foreach (string kind in new[] { "requests", "limits" })
            {
                Assert.All(Map(container, "resources", kind).Children.Values, quantity =>
                    Assert.Matches("[a-zA-Z]$|^$", ((YamlScalarNode)quantity).Value));
            }
        }
    }

    [Theory]
    [InlineData("$(POD_IP)", null)]
    [InlineData("0.0.0.0", null)]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("[::1]", "::1")]
    public void Probes_MetricsAddress_AreSentThere(string address, string? host)
    {
        YamlMappingNode service = Rendered.With("--set", $"metrics.address={address}").Service;

        foreach (string probe in new[] { "livenessProbe", "readinessProbe" })
        {
            YamlMappingNode get = Map(service, probe, "httpGet");
            Assert.Equal("metrics", Text(get, "port"));
            Assert.Equal(host, Has(get, "host") ? Text(get, "host") : null);
        }

        Assert.Equal("/healthz", Text(service, "livenessProbe", "httpGet", "path"));
        Assert.Equal("/readyz", Text(service, "readinessProbe", "httpGet", "path"));
    }

    [Fact]
    public void Probes_WithoutMetrics_AskTheSocket()
    {
        YamlMappingNode service = Rendered.With("--set", "metrics.enabled=false").Service;

        Assert.Equal(
            ["/opt/nf/nfctl", "--run", "/run/nf", "--timeout", "3s", "health"],
            Texts(service, "livenessProbe", "exec", "command"));
        Assert.Equal("nf.v1.DataPlane", Texts(service, "readinessProbe", "exec", "command")[^1]);
        Assert.False(Has(service, "ports"));
        Assert.Equal("none", Texts(service, "args")[^1]);
    }
}
