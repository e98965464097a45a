namespace Nf.Service;

/// <summary>Who uses a resource: another one, or a part of one.</summary>
/// <param name="Type">Its type as errors name it.</param>
/// <param name="Name">Its name.</param>
internal readonly record struct ResourceUser(string Type, string Name)
{
    /// <summary>A resource as a user.</summary>
    public static ResourceUser Of(DesiredResource resource) => new(resource.Type, resource.Name.Value);

    /// <summary>An entry of a cpumap as a user: "CPUMAP/CPU".</summary>
    public static ResourceUser OfEntry(DesiredCpumap cpumap, uint cpu) => new("cpumap_entry", $"{cpumap.Name}/{cpu}");
}
