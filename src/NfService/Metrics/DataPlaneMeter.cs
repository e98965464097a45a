using System.Diagnostics.Metrics;
using Nf.Internal.V1;

namespace Nf.Service;

/// <summary>Measures the commands sent to the data plane.</summary>
internal sealed class DataPlaneMeter
{
    private readonly Histogram<double> _duration;

    public DataPlaneMeter(IMeterFactory meters)
    {
        _duration = new NamedMeter(meters).CreateHistogram(
            "nf_data_plane_command_duration",
            "s",
            "Time from a command to the data plane to its reply",
            [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]);
    }

    /// <summary>Notes a command that ended.</summary>
    public void CommandDone(Command.CommandOneofCase command, bool succeeded, TimeSpan duration) => _duration.Record(
        duration.TotalSeconds,
        new KeyValuePair<string, object?>("command", command.ToString()),
        new KeyValuePair<string, object?>("succeeded", succeeded ? "true" : "false"));
}
