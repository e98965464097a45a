using System.IO.Compression;

namespace Grpc.Net.Compression;

/// <summary>One way to compress messages.</summary>
public interface ICompressionProvider
{
    /// <summary>Its name in the grpc-encoding header.</summary>
    string EncodingName { get; }

    /// <summary>Compresses what is written; leaves <paramref name="stream"/> open.</summary>
    Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel);

    /// <summary>Decompresses what is read.</summary>
    Stream CreateDecompressionStream(Stream stream);
}
