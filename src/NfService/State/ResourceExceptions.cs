namespace Nf.Service;

/// <summary>There is no resource of this type and name.</summary>
internal sealed class UnknownResourceException(string type, string name, string? field = null)
    : Exception(field is null ? $"there is no {type} \"{name}\"" : $"{field}: there is no {type} \"{name}\"")
{
    public string ResourceType { get; } = type;

    public string ResourceName { get; } = name;
}

/// <summary>The name is taken by a resource with another spec or other labels.</summary>
internal sealed class ResourceExistsException(string type, string name, string difference)
    : Exception($"{type} \"{name}\" exists and differs: {difference}")
{
    public string ResourceType { get; } = type;

    public string ResourceName { get; } = name;
}

/// <summary>Other resources use this one.</summary>
internal sealed class ResourceInUseException(
    string type, string name, string userType, IReadOnlyList<string> users, string reason = "IN_USE")
    : Exception($"{type} \"{name}\" is used by {userType} {string.Join(", ", users.Select(user => $"\"{user}\""))}")
{
    /// <summary>The type as errors name it.</summary>
    public string ResourceType { get; } = type;

    public string ResourceName { get; } = name;

    /// <summary>Type of the users.</summary>
    public string UserType { get; } = userType;

    /// <summary>Names of the users.</summary>
    public IReadOnlyList<string> Users { get; } = users;

    /// <summary>For programs: IN_USE, SOCKET_IN_LINK, SOCKET_IN_BRIDGE or SOCKET_PATH_TAKEN.</summary>
    public string Reason { get; } = reason;
}

/// <summary>An owner would hold more packet memory than it may.</summary>
internal sealed class QuotaExceededException(string owner, ulong asked, ulong used, ulong limit)
    : Exception(
        $"spec.size_bytes: {asked} bytes more exceed the quota of owner \"{owner}\": {used} of {limit} bytes are used")
{
    public string Owner { get; } = owner;
}

/// <summary>The service holds as many resources of a type as it can.</summary>
internal sealed class LimitReachedException(string type, int limit)
    : Exception($"there are {limit} resources of type {type}, which is the most this service holds")
{
    public string ResourceType { get; } = type;
}
