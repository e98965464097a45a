using Nf.DataPlane.Cpumaps;

namespace Nf.DataPlane.Steering;

/// <summary>A test of a rule: a word of the flow lies in a range. Every match but a filter is made of these.</summary>
/// <param name="Field">Which word; that behind <see cref="FlowField.Source"/> is its second word, and so on.</param>
/// <param name="First">The lowest value that matches.</param>
/// <param name="Last">The highest.</param>
internal readonly record struct FieldRange(int Field, uint First, uint Last)
{
    internal FieldRange(FlowField field, uint first, uint last)
        : this((int)field, first, last)
    {
    }

    /// <summary>Whether a flow passes the test.</summary>
    internal bool Holds(in Flow flow) => flow[Field] >= First && flow[Field] <= Last;
}
