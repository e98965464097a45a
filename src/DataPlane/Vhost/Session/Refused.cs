using Nf.DataPlane.Vhost.Protocol;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>Refusals, worded alike: request, field, value and rule.</summary>
internal static class Refused
{
    internal static VhostRefusedException Value(VhostRequest request, string what) =>
        new($"{request}: {what}", VhostFaultKind.BadValue);

    internal static VhostRefusedException State(VhostRequest request, string what) =>
        new($"{request}: {what}", VhostFaultKind.BadState);

    internal static VhostRefusedException Memory(VhostRequest request, string what) =>
        new($"{request}: {what}", VhostFaultKind.BadMemory);
}
