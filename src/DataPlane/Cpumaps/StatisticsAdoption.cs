using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>Hands the counting from one life of the data plane to the next, which goes on where it is.</summary>
internal static class StatisticsAdoption
{
    private const uint StoredVersion = 1;

    /// <summary>What the keeper has to hold.</summary>
    internal static (byte[] Metadata, FileDescriptor[] Descriptors) Describe(StatisticsObject counting)
    {
        var stored = new StoredCpumapStatistics { Version = StoredVersion, ObjectSha256 = StatisticsObject.Hash };
        stored.Attached.AddRange(counting.Attached);
        stored.Refusals.AddRange(counting.Refusals);
        return (
            stored.ToByteArray(),
            [
                .. StatisticsObject.MapNames.Select(name => counting.Map(name).Descriptor),
                .. counting.Links.Select(link => link.Descriptor),
            ]);
    }

    /// <summary>Takes it over.</summary>
    /// <param name="metadata">From <see cref="Describe"/>.</param>
    /// <param name="descriptors">Its descriptors in the same order; they become the object's own.</param>
    /// <exception cref="InvalidDataException">They are not of this object.</exception>
    internal static StatisticsObject Adopt(ReadOnlySpan<byte> metadata, IReadOnlyList<FileDescriptor> descriptors)
    {
        StoredCpumapStatistics stored = StoredCpumapStatistics.Parser.ParseFrom(metadata);
        if (stored.Version != StoredVersion || stored.ObjectSha256 != StatisticsObject.Hash)
        {
            throw new InvalidDataException("counters are kept by another version of the program that counts");
        }

        int mapCount = StatisticsObject.MapNames.Length;
        if (descriptors.Count != mapCount + stored.Attached.Count)
        {
            throw new InvalidDataException(
                $"{descriptors.Count} descriptors, expected {mapCount + stored.Attached.Count}");
        }

        var maps = new Dictionary<string, BpfMap>();
        for (int i = 0; i < mapCount; i++)
        {
            maps.Add(StatisticsObject.MapNames[i], new BpfMap(descriptors[i]));
        }

        var links = new Dictionary<string, BpfLink>();
        for (int i = 0; i < stored.Attached.Count; i++)
        {
            links.Add(stored.Attached[i], new BpfLink(descriptors[mapCount + i]));
        }

        return new StatisticsObject(maps, links, [.. stored.Refusals]);
    }
}
