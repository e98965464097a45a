using Google.Protobuf.Reflection;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Nf.Service.Grpc;

/// <summary>What the served proto files declare: files by name, by declared symbol and by extension.</summary>
/// <remarks>Built once at start and never changed. Names are fully qualified, without a leading dot.</remarks>
internal sealed class DescriptorCatalog
{
    private readonly Dictionary<string, FileDescriptor> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FileDescriptor> _symbols = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedDictionary<int, FileDescriptor>> _extensions =
        new(StringComparer.Ordinal);
    private readonly HashSet<string> _messages = new(StringComparer.Ordinal);

    /// <param name="services">The services to list. Their files and all imports are findable.</param>
    internal DescriptorCatalog(params IEnumerable<ServiceDescriptor> services)
    {
        ServiceDescriptor[] all = [.. services];
        ServiceNames = [.. all.Select(service => service.FullName).Distinct().Order(StringComparer.Ordinal)];
        foreach (FileDescriptor file in all.SelectMany(service => WithImports(service.File)))
        {
            if (_files.TryAdd(file.Name, file))
            {
                AddFile(file);
            }
        }
    }

    /// <summary>Full names of the services, sorted.</summary>
    internal IReadOnlyList<string> ServiceNames { get; }

    /// <summary>A file and everything it imports, directly or not; each once, the file itself first.</summary>
    internal static IReadOnlyList<FileDescriptor> WithImports(FileDescriptor file)
    {
        var found = new List<FileDescriptor> { file };
        var names = new HashSet<string>(StringComparer.Ordinal) { file.Name };
        for (int i = 0; i < found.Count; i++)
        {
            found.AddRange(found[i].Dependencies.Where(import => names.Add(import.Name)));
        }

        return found;
    }

    internal FileDescriptor? FileByName(string name) => _files.GetValueOrDefault(name);

    /// <summary>The file that declares a message, field, oneof, enum, value, service, method or extension.</summary>
    internal FileDescriptor? FileOf(string symbol) => _symbols.GetValueOrDefault(symbol.TrimStart('.'));

    internal FileDescriptor? FileOfExtension(string type, int number) =>
        _extensions.TryGetValue(type.TrimStart('.'), out SortedDictionary<int, FileDescriptor>? numbers)
            ? numbers.GetValueOrDefault(number)
            : null;

    internal bool HasMessage(string type) => _messages.Contains(type.TrimStart('.'));

    internal IEnumerable<int> ExtensionNumbers(string type) =>
        _extensions.TryGetValue(type.TrimStart('.'), out SortedDictionary<int, FileDescriptor>? numbers)
            ? numbers.Keys
            : [];

    private void AddFile(FileDescriptor file)
    {
        foreach (ServiceDescriptor service in file.Services)
        {
            AddSymbol(service);
            AddSymbols(service.Methods);
        }

        foreach (EnumDescriptor type in file.EnumTypes)
        {
            AddEnum(type);
        }

        foreach (MessageDescriptor type in file.MessageTypes)
        {
            AddMessage(type);
        }

        AddExtensions(file.Extensions.UnorderedExtensions);
    }

    private void AddMessage(MessageDescriptor type)
    {
        AddSymbol(type);
        _messages.Add(type.FullName);
        AddSymbols(type.Fields.InDeclarationOrder());
        AddSymbols(type.Oneofs);
        AddExtensions(type.Extensions.UnorderedExtensions);

        foreach (EnumDescriptor nested in type.EnumTypes)
        {
            AddEnum(nested);
        }

        foreach (MessageDescriptor nested in type.NestedTypes)
        {
            AddMessage(nested);
        }
    }

    private void AddEnum(EnumDescriptor type)
    {
        AddSymbol(type);

        // An enum value's name is a sibling of its enum's, as in C++; tools ask for either spelling.
        string scope = type.FullName[..^type.Name.Length];
        foreach (EnumValueDescriptor value in type.Values)
        {
            _symbols.TryAdd(value.FullName, type.File);
            _symbols.TryAdd(scope + value.Name, type.File);
        }
    }

    private void AddExtensions(IEnumerable<FieldDescriptor> extensions)
    {
        foreach (FieldDescriptor extension in extensions)
        {
            AddSymbol(extension);
            string type = extension.ExtendeeType.FullName;
            if (!_extensions.TryGetValue(type, out SortedDictionary<int, FileDescriptor>? numbers))
            {
                _extensions[type] = numbers = [];
            }

            numbers.TryAdd(extension.FieldNumber, extension.File);
        }
    }

    private void AddSymbols(IEnumerable<IDescriptor> descriptors)
    {
        foreach (IDescriptor descriptor in descriptors)
        {
            AddSymbol(descriptor);
        }
    }

    private void AddSymbol(IDescriptor descriptor) => _symbols.TryAdd(descriptor.FullName, descriptor.File);
}
