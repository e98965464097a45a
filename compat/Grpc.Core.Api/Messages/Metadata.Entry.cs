using System.Buffers;
using System.Text;

namespace Grpc.Core;

/// <content>One header: a key and a text or a run of bytes.</content>
public sealed partial class Metadata
{
    /// <summary>One header. Its key is lower case; it is binary exactly when the key ends in "-bin".</summary>
    public class Entry
    {
        // The key alphabet of the gRPC protocol: Header-Name = 1*( %x30-39 / %x61-7A / "_" / "-" / "." ).
        private static readonly SearchValues<char> KeyAlphabet =
            SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyz_-.");

        private readonly string? _text;
        private readonly byte[]? _bytes;

        /// <summary>A binary entry.</summary>
        /// <exception cref="ArgumentException">The key lacks its "-bin", or has a forbidden character.</exception>
        public Entry(string key, byte[] valueBytes)
        {
            ArgumentNullException.ThrowIfNull(valueBytes);
            Key = Normalize(key);
            IsBinary = true;
            _bytes = [.. valueBytes];
            if (!Key.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal))
            {
                throw new ArgumentException($"key \"{key}\": a binary header's must end in \"-bin\"", nameof(key));
            }
        }

        /// <summary>A text entry.</summary>
        /// <exception cref="ArgumentException">The key ends in "-bin", or has a forbidden character.</exception>
        public Entry(string key, string value)
        {
            ArgumentNullException.ThrowIfNull(value);
            Key = Normalize(key);
            _text = value;
            if (Key.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal))
            {
                throw new ArgumentException($"key \"{key}\": a text header's must not end in \"-bin\"", nameof(key));
            }
        }

        /// <summary>The key, in lower case.</summary>
        public string Key { get; }

        /// <summary>True when the value is bytes.</summary>
        public bool IsBinary { get; }

        /// <summary>A copy of the bytes, or the text in UTF-8.</summary>
        public byte[] ValueBytes => _bytes is null ? Encoding.UTF8.GetBytes(_text!) : [.. _bytes];

        /// <summary>The text.</summary>
        /// <exception cref="InvalidOperationException">The entry is binary.</exception>
        public string Value => _text ?? throw new InvalidOperationException($"header \"{Key}\" is binary, not text");

        /// <inheritdoc/>
        public override string ToString() => IsBinary
            ? $"[Entry: key={Key}, valueBytes={Convert.ToBase64String(_bytes!)}]"
            : $"[Entry: key={Key}, value={_text}]";

        internal bool HasKey(string key) => string.Equals(Key, key, StringComparison.OrdinalIgnoreCase);

        private static string Normalize(string key)
        {
            ArgumentException.ThrowIfNullOrEmpty(key);
            string lower = key.ToLowerInvariant();
            return lower.AsSpan().ContainsAnyExcept(KeyAlphabet)
                ? throw new ArgumentException($"key \"{key}\": only letters, digits and _ - . are allowed", nameof(key))
                : lower;
        }
    }
}
