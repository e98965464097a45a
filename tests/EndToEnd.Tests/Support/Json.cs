using System.Globalization;
using System.Text.Json.Nodes;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>Numbers of protobuf JSON, where 64-bit ones are text.</summary>
internal static class Json
{
    /// <summary>A number written as a number or as text; zero where absent.</summary>
    internal static ulong ULong(JsonNode? node) =>
        node is null ? 0 : ulong.Parse(node.ToString(), CultureInfo.InvariantCulture);
}
