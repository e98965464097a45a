namespace Nf.Linux;

/// <summary>
/// Says what a struct is called in C when it is not simply <c>struct</c> and its own name, for the test that has a
/// C compiler check every layout.
/// </summary>
/// <param name="type">The C type.</param>
/// <param name="prefix">What stands before each member's name there, as in <c>link_create.</c>.</param>
[AttributeUsage(AttributeTargets.Struct)]
internal sealed class CNameAttribute(string type, string prefix = "") : Attribute
{
    internal string Type { get; } = type;

    internal string Prefix { get; } = prefix;
}
