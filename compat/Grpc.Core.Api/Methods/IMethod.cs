namespace Grpc.Core;

/// <summary>What is known of a method without its message types.</summary>
public interface IMethod
{
    /// <summary>Which of the four kinds it is.</summary>
    MethodType Type { get; }

    /// <summary>Package and service, "nf.v1.Umems".</summary>
    string ServiceName { get; }

    /// <summary>The method alone, "Create".</summary>
    string Name { get; }

    /// <summary>The HTTP/2 path, "/nf.v1.Umems/Create".</summary>
    string FullName { get; }
}
