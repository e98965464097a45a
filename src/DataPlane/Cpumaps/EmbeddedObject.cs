namespace Nf.DataPlane.Cpumaps;

/// <summary>A BPF object file that the build put into this assembly.</summary>
internal static class EmbeddedObject
{
    internal static byte[] Read(string resource)
    {
        using Stream stream = typeof(EmbeddedObject).Assembly.GetManifestResourceStream(resource)
            ?? throw new InvalidOperationException($"resource {resource} is not embedded");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
