using System.Globalization;
using System.Text;

namespace Nf.Service;

/// <summary>How metrics are written.</summary>
internal enum MetricFormat
{
    /// <summary>Prometheus text 0.0.4.</summary>
    Prometheus,

    /// <summary>OpenMetrics 1.0.</summary>
    OpenMetrics,
}

/// <summary>Writes metrics in the two formats that Prometheus reads.</summary>
internal static class MetricWriter
{
    /// <summary>The content type of a format.</summary>
    public static string ContentType(MetricFormat format) => format == MetricFormat.OpenMetrics
        ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
        : "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Writes metrics.</summary>
    public static string Write(
        IReadOnlyList<(MetricFamily Family, IReadOnlyList<MetricSeries> Series)> metrics, MetricFormat format)
    {
        var text = new StringBuilder(32 * 1024);
        foreach ((MetricFamily family, IReadOnlyList<MetricSeries> series) in metrics)
        {
            WriteHeader(text, family, format);
            foreach (MetricSeries one in series)
            {
                if (family.Kind == MetricKind.Histogram)
                {
                    WriteHistogram(text, family, one);
                }
                else
                {
                    string suffix = family.Kind == MetricKind.Counter ? "_total" : "";
                    WriteSample(text, family.Name, suffix, one.Labels, one.Value);
                }
            }
        }

        if (format == MetricFormat.OpenMetrics)
        {
            text.Append("# EOF\n");
        }

        return text.ToString();
    }

    private static void WriteHeader(StringBuilder text, MetricFamily family, MetricFormat format)
    {
        // Prometheus text names a counter with its suffix, OpenMetrics without.
        bool hasSuffix = format == MetricFormat.Prometheus && family.Kind == MetricKind.Counter;
        string name = hasSuffix ? family.Name + "_total" : family.Name;
        string help = family.Help.Replace("\\", "\\\\").Replace("\n", "\\n");
        if (format == MetricFormat.OpenMetrics)
        {
            help = help.Replace("\"", "\\\"");
        }

        text.Append("# HELP ").Append(name).Append(' ').Append(help).Append('\n');
        text.Append("# TYPE ").Append(name).Append(' ').Append(TypeWord(family.Kind)).Append('\n');
        if (format == MetricFormat.OpenMetrics && family.Unit is { } unit)
        {
            text.Append("# UNIT ").Append(name).Append(' ').Append(unit).Append('\n');
        }
    }

    private static string TypeWord(MetricKind kind) => kind switch
    {
        MetricKind.Counter => "counter",
        MetricKind.Histogram => "histogram",
        _ => "gauge",
    };

    private static void WriteHistogram(StringBuilder text, MetricFamily family, MetricSeries series)
    {
        long cumulated = 0;
        for (int i = 0; i < series.Buckets.Length; i++)
        {
            cumulated += series.Buckets[i];
            string bound = i < family.Bounds.Length ? Number(family.Bounds[i], isBound: true) : "+Inf";
            string labels = series.Labels.Length == 0 ? $"le=\"{bound}\"" : $"{series.Labels},le=\"{bound}\"";
            WriteSample(text, family.Name, "_bucket", labels, cumulated);
        }

        WriteSample(text, family.Name, "_sum", series.Labels, series.Value);
        WriteSample(text, family.Name, "_count", series.Labels, cumulated);
    }

    private static void WriteSample(StringBuilder text, string name, string suffix, string labels, double value)
    {
        text.Append(name).Append(suffix);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    // OpenMetrics wants bounds as floats ("1.0"), so that both formats give the same series.
    private static string Number(double value, bool isBound = false)
    {
        if (double.IsNaN(value))
        {
            return "NaN";
        }

        if (double.IsInfinity(value))
        {
            return value > 0 ? "+Inf" : "-Inf";
        }

        string number = value.ToString("R", CultureInfo.InvariantCulture);
        return isBound && number.AsSpan().IndexOfAny('.', 'E') < 0 ? number + ".0" : number;
    }
}
