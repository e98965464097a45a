using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Nf.Service;

/// <summary>Answers scrapes from memory.</summary>
internal static class MetricsEndpoint
{
    private const string OpenMetricsType = "application/openmetrics-text";

    /// <summary>GET /metrics.</summary>
    public static Task HandleAsync(HttpContext http, MetricCollector collector)
    {
        MetricFormat format = Choose(http.Request.Headers.Accept);
        http.Response.ContentType = MetricWriter.ContentType(format);
        http.Response.Headers.CacheControl = "no-store";
        return http.Response.WriteAsync(MetricWriter.Write(collector.Collect(), format), http.RequestAborted);
    }

    /// <summary>The format that an Accept header prefers; plain text for whoever says nothing.</summary>
    public static MetricFormat Choose(StringValues accept)
    {
        if (!MediaTypeHeaderValue.TryParseList(accept, out IList<MediaTypeHeaderValue>? types))
        {
            return MetricFormat.Prometheus;
        }

        double open = types.Where(t => t.MediaType.Equals(OpenMetricsType, StringComparison.OrdinalIgnoreCase))
            .Select(Quality).DefaultIfEmpty(0).Max();
        double text = types.Where(t => t.MediaType.Equals("text/plain", StringComparison.OrdinalIgnoreCase))
            .Select(Quality).DefaultIfEmpty(0).Max();
        return open > 0 && open >= text ? MetricFormat.OpenMetrics : MetricFormat.Prometheus;
    }

    private static double Quality(MediaTypeHeaderValue type) => type.Quality ?? 1;
}
