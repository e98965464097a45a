namespace Nf.Service;

/// <summary>Resources of one type, whatever it is.</summary>
internal interface IResourceTable
{
    /// <exception cref="LimitReachedException">The table is full.</exception>
    void CheckRoom();

    /// <summary>Adds or replaces.</summary>
    void Put(DesiredResource resource);

    /// <summary>Removes; nothing happens when it is not there.</summary>
    void Remove(string name);
}

/// <summary>Resources of one type by name, as many as fit. Its owner locks.</summary>
internal sealed class ResourceTable<T>(string type, int countMax) : IResourceTable
    where T : DesiredResource
{
    private readonly SortedDictionary<string, T> _byName = new(StringComparer.Ordinal);

    /// <summary>All of them, by name.</summary>
    public IEnumerable<T> All => _byName.Values;

    /// <summary>One of them, or null.</summary>
    public T? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>One of them.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="field">The field that named it, for the error.</param>
    /// <exception cref="UnknownResourceException">There is none.</exception>
    public T Get(string name, string? field = null) =>
        Find(name) ?? throw new UnknownResourceException(type, name, field);

    public void CheckRoom()
    {
        if (_byName.Count >= countMax)
        {
            throw new LimitReachedException(type, countMax);
        }
    }

    public void Put(DesiredResource resource) => _byName[resource.Name.Value] = (T)resource;

    public void Remove(string name) => _byName.Remove(name);
}
