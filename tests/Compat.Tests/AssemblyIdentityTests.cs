using System.Reflection;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Compression;

namespace Nf.Compat.Tests;

public sealed class AssemblyIdentityTests
{
    private const string OfficialToken = "d754f35622e28bad";

    [Theory]
    [InlineData(typeof(Status), "Grpc.Core.Api")]
    [InlineData(typeof(ICompressionProvider), "Grpc.Net.Common")]
    public void StandIn_Loaded_HasTheOfficialIdentity(Type type, string name)
    {
        AssemblyName identity = type.Assembly.GetName();

        Assert.Equal(name, identity.Name);
        Assert.Equal(new Version(2, 0, 0, 0), identity.Version);
        Assert.Equal(OfficialToken, Convert.ToHexStringLower(identity.GetPublicKeyToken()!));
    }

    [Theory]
    [InlineData(typeof(GrpcServiceOptions))]
    [InlineData(typeof(GrpcChannel))]
    public void OfficialAssembly_References_AreSatisfiedExactly(Type type)
    {
        AssemblyName[] wanted =
        [
            .. type.Assembly.GetReferencedAssemblies().Where(name => name.Name!.StartsWith("Grpc.")),
        ];

        Assert.Equal(["Grpc.Core.Api", "Grpc.Net.Common"], wanted.Select(name => name.Name).Order());
        Assert.All(wanted, name => Assert.Equal(name.FullName, Assembly.Load(name).FullName));
    }
}
