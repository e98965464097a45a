namespace Nf.Service;

/// <summary>Something a request got wrong.</summary>
/// <param name="Field">Path of the field, such as <c>spec.rings.tx</c>.</param>
/// <param name="Description">The value and the rule it breaks.</param>
internal readonly record struct SpecFault(string Field, string Description);

/// <summary>Collects every fault of a request, so that a caller learns of all of them at once.</summary>
internal sealed class SpecFaults
{
    private readonly List<SpecFault> _faults = [];

    /// <summary>Notes a fault.</summary>
    public void Add(string field, string description) => _faults.Add(new SpecFault(field, description));

    /// <summary>Notes a fault unless the rule holds.</summary>
    public void Require(bool holds, string field, string description)
    {
        if (!holds)
        {
            Add(field, description);
        }
    }

    /// <summary>Notes a fault unless the value is one that the enumeration names.</summary>
    public void RequireDefined<T>(T value, string field)
        where T : struct, Enum =>
        Require(Enum.IsDefined(value), field, $"{value} is no {typeof(T).Name} this service knows");

    /// <summary>Takes over the first faults of others, and says how many more there are.</summary>
    public void AddSome(SpecFaults others, int countMax, string field)
    {
        _faults.AddRange(others._faults.Take(countMax));
        int rest = others._faults.Count - countMax;
        Require(rest <= 0, field, $"{rest} more faults of this kind");
    }

    /// <exception cref="InvalidSpecException">There are faults.</exception>
    public void ThrowIfAny()
    {
        if (_faults.Count > 0)
        {
            throw new InvalidSpecException(_faults);
        }
    }
}

/// <summary>A request cannot be carried out as written; names every fault.</summary>
internal sealed class InvalidSpecException(IReadOnlyList<SpecFault> faults)
    : Exception(string.Join("; ", faults.Select(fault => $"{fault.Field}: {fault.Description}")))
{
    public InvalidSpecException(string field, string description)
        : this([new SpecFault(field, description)])
    {
    }

    /// <summary>What is wrong.</summary>
    public IReadOnlyList<SpecFault> Faults { get; } = faults;
}
