namespace Nf.Ctl.Rendering;

/// <summary>A value with why it is not another one.</summary>
internal static class Reason
{
    internal static string Append(string value, string reason) => reason.Length == 0 ? value : $"{value} ({reason})";
}
