using System.Text.Json;
using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;
using static Nf.Packaging.Tests.Rendered;

namespace Nf.Packaging.Tests;

public class ObjectsTests
{
    private const string MonitoringApi = "monitoring.coreos.com/v1";

    [Fact]
    public void Defaults_Objects_AreTheseAndNoOthers() =>
        Assert.Equal(["ConfigMap", "DaemonSet", "Service", "ServiceAccount"], Rendered.With().Kinds.Order());

    [Fact]
    public void MetricsService_Selector_IsThatOfThePods()
    {
        Rendered chart = Rendered.With();
        var labels = Map(chart.DaemonSet, "spec", "template", "metadata", "labels");

        Assert.Equal("None", Text(chart.Single("Service"), "spec", "clusterIP"));
        Assert.All(Map(chart.Single("Service"), "spec", "selector").Children, pair =>
            Assert.Equal(pair.Value, labels.Children[pair.Key]));
        Assert.Equal(
            Map(chart.Single("Service"), "spec", "selector"), Map(chart.DaemonSet, "spec", "selector", "matchLabels"));
    }

    [Fact]
    public void ServiceMonitor_ApiUnknown_IsLeftOut() => Assert.DoesNotContain(
        "ServiceMonitor", Rendered.With("--set", "metrics.serviceMonitor.enabled=true").Kinds);

    [Fact]
    public void ServiceMonitor_ApiKnown_ScrapesTheService()
    {
        Rendered chart = Rendered.With(
            "--set", "metrics.serviceMonitor.enabled=true", "--api-versions", MonitoringApi);

        var endpoint = Assert.Single(List(chart.Single("ServiceMonitor"), "spec", "endpoints"));
        Assert.Equal("metrics", Text(endpoint, "port"));
        Assert.Equal("15s", Text(endpoint, "interval"));
    }

    [Fact]
    public void PrometheusRule_ApiUnknown_IsLeftOut() => Assert.DoesNotContain(
        "PrometheusRule", Rendered.With("--set", "metrics.prometheusRule.enabled=true").Kinds);

    [Fact]
    public void PrometheusRule_ApiKnown_HoldsEveryAlertOfTheFile()
    {
        Rendered chart = Rendered.With(
            "--set", "metrics.prometheusRule.enabled=true", "--api-versions", MonitoringApi);
        string[] inFile =
        [
            .. File.ReadLines(Path.Combine(Helm.ChartFolder, "alerts/nf-service.yaml"))
                .Where(line => line.TrimStart().StartsWith("- alert:", StringComparison.Ordinal))
                .Select(line => line.Split(": ")[1]),
        ];

        YamlNode group = Assert.Single(List(chart.Single("PrometheusRule"), "spec", "groups"));
        Assert.Equal(inFile, List(group, "rules").Select(rule => Text(rule, "alert")));
        Assert.Contains("NfVhostRingGivenUp", inFile);
    }

    // A rule of a metric that nobody has would never fire.
    [Fact]
    public void Alerts_Metrics_AreThoseOfTheDashboard()
    {
        string dashboard = File.ReadAllText(Path.Combine(Helm.ChartFolder, "dashboards/nf-service.json"));
        string alerts = File.ReadAllText(Path.Combine(Helm.ChartFolder, "alerts/nf-service.yaml"));

        Assert.All(
            Regex.Matches(alerts, "nf_[a-z_]+").Select(match => match.Value).Distinct(),
            metric => Assert.Contains(metric + "{", dashboard, StringComparison.Ordinal));
    }

    [Fact]
    public void Dashboard_ConfigMap_HoldsTheFileUnchanged()
    {
        var map = Rendered.With().Single("ConfigMap");

        Assert.Equal("1", Text(map, "metadata", "labels", "grafana_dashboard"));
        Assert.Equal(
            File.ReadAllText(Path.Combine(Helm.ChartFolder, "dashboards/nf-service.json")).Trim(),
            Text(map, "data", "nf-service.json"));
    }

    [Fact]
    public void MetricsOff_LeavesOutWhateverIsAboutThem() => Assert.Equal(
        ["DaemonSet", "ServiceAccount"], Rendered.With("--set", "metrics.enabled=false").Kinds.Order());

    [Fact]
    public void LongNames_Objects_FitALabel()
    {
        Rendered chart = Rendered.With("--set", $"fullnameOverride={new string('n', 63)}");

        Assert.Equal(63, Text(chart.DaemonSet, "metadata", "name").Length);
        Assert.True(Text(chart.Single("Service"), "metadata", "name").Length <= 63);
        Assert.EndsWith("-metrics", Text(chart.Single("Service"), "metadata", "name"), StringComparison.Ordinal);
    }

    [Fact]
    public void Dashboard_Panels_HaveIdsOfTheirOwnAndDoNotOverlap()
    {
        using JsonDocument dashboard = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(Helm.ChartFolder, "dashboards/nf-service.json")));
        var ids = new HashSet<int>();
        var cells = new HashSet<(int, int)>();
        foreach (JsonElement panel in dashboard.RootElement.GetProperty("panels").EnumerateArray())
        {
            string title = panel.GetProperty("title").GetString()!;
            Assert.True(ids.Add(panel.GetProperty("id").GetInt32()), title);
            JsonElement at = panel.GetProperty("gridPos");
            (int x, int y) = (at.GetProperty("x").GetInt32(), at.GetProperty("y").GetInt32());
            (int w, int h) = (at.GetProperty("w").GetInt32(), at.GetProperty("h").GetInt32());
            Assert.True(x + w <= 24, title);
            for (int cell = 0; cell < w * h; cell++)
            {
                Assert.True(cells.Add((x + (cell % w), y + (cell / w))), $"{title} lies on another panel");
            }
        }

        Assert.NotEmpty(ids);
    }
}
