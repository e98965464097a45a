using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;
using Alpha = Grpc.Reflection.V1Alpha;

namespace Nf.Service.Tests.Grpc;

public sealed class ReflectionServiceTests(StandardServicesServer server) : IClassFixture<StandardServicesServer>
{
    [Fact]
    public async Task ListServices_Asked_NamesThemSorted()
    {
        ServerReflectionResponse response = await AskAsync(
            new ServerReflectionRequest { Host = "h", ListServices = "*" });

        Assert.Equal(
            ["grpc.health.v1.Health", "nf.v1.NodeService", "nf.v1.UmemService"],
            response.ListServicesResponse.Service.Select(service => service.Name));
        Assert.Equal("h", response.ValidHost);
        Assert.Equal("*", response.OriginalRequest.ListServices);
    }

    [Theory]
    [InlineData("grpc.health.v1.Health")]
    [InlineData("grpc.health.v1.Health.Watch")]
    [InlineData(".grpc.health.v1.HealthCheckRequest")]
    [InlineData("grpc.health.v1.HealthCheckRequest.service")]
    [InlineData("grpc.health.v1.HealthCheckResponse.ServingStatus")]
    [InlineData("grpc.health.v1.HealthCheckResponse.SERVING")]
    [InlineData("grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING")]
    public async Task FileContainingSymbol_Known_GivesItsFile(string symbol)
    {
        ServerReflectionResponse response = await AskAsync(
            new ServerReflectionRequest { FileContainingSymbol = symbol });

        Assert.Equal(["grpc/health/v1/health.proto"], FileNames(response));
    }

    [Fact]
    public async Task FileByFilename_WithImports_GivesAFileSetThatStandsAlone()
    {
        ServerReflectionResponse response = await AskAsync(
            new ServerReflectionRequest { FileByFilename = "nf/v1/umem.proto" });
        FileDescriptorProto[] files = [.. Files(response)];
        string[] names = [.. files.Select(file => file.Name)];

        Assert.Equal("nf/v1/umem.proto", names[0]);
        Assert.Equal(names.Distinct(), names);
        Assert.All(files.SelectMany(file => file.Dependency), import => Assert.Contains(import, names));
    }

    public static TheoryData<ServerReflectionRequest, StatusCode> Unanswerable() => new()
    {
        { new ServerReflectionRequest { FileByFilename = "no/such.proto" }, StatusCode.NotFound },
        { new ServerReflectionRequest { FileContainingSymbol = "no.Such" }, StatusCode.NotFound },
        { new ServerReflectionRequest { FileContainingSymbol = "" }, StatusCode.NotFound },
        { new ServerReflectionRequest { AllExtensionNumbersOfType = "no.Such" }, StatusCode.NotFound },
        {
            new ServerReflectionRequest
            {
                FileContainingExtension = new ExtensionRequest
                {
                    ContainingType = "grpc.health.v1.HealthCheckRequest",
                    ExtensionNumber = 7,
                },
            },
            StatusCode.NotFound
        },
        { new ServerReflectionRequest { Host = "only" }, StatusCode.InvalidArgument },
    };

    [Theory]
    [MemberData(nameof(Unanswerable))]
    public async Task Request_ThatCannotBeAnswered_GivesAnErrorResponse(
        ServerReflectionRequest request, StatusCode code)
    {
        ServerReflectionResponse response = await AskAsync(request);

        Assert.Equal((int)code, response.ErrorResponse.ErrorCode);
        Assert.NotEmpty(response.ErrorResponse.ErrorMessage);
    }

    [Fact]
    public async Task ExtensionNumbers_MessageWithoutExtensions_AreNone()
    {
        ServerReflectionResponse response = await AskAsync(
            new ServerReflectionRequest { AllExtensionNumbersOfType = "grpc.health.v1.HealthCheckRequest" });

        Assert.Equal("grpc.health.v1.HealthCheckRequest", response.AllExtensionNumbersResponse.BaseTypeName);
        Assert.Empty(response.AllExtensionNumbersResponse.ExtensionNumber);
    }

    [Fact]
    public async Task Stream_ErrorInTheMiddle_GoesOn()
    {
        var client = new ServerReflection.ServerReflectionClient(server.Calls);
        using var call = client.ServerReflectionInfo();
        foreach (string symbol in new[] { "nf.v1.UmemService", "no.Such", "nf.v1.UmemService" })
        {
            await call.RequestStream.WriteAsync(new ServerReflectionRequest { FileContainingSymbol = symbol })
                .InTimeAsync();
            Assert.True(await call.ResponseStream.MoveNext());
            Assert.Equal(symbol == "no.Such", call.ResponseStream.Current.ErrorResponse is not null);
        }
    }

    [Fact]
    public async Task Alpha_AskedTheSame_AnswersTheSame()
    {
        const string Symbol = "nf.v1.UmemService";
        var client = new Alpha.ServerReflection.ServerReflectionClient(server.Calls);
        using var call = client.ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new Alpha.ServerReflectionRequest { FileContainingSymbol = Symbol })
            .InTimeAsync();
        Assert.True(await call.ResponseStream.MoveNext());

        ServerReflectionResponse v1 = await AskAsync(new ServerReflectionRequest { FileContainingSymbol = Symbol });

        Assert.Equal(
            v1.FileDescriptorResponse.FileDescriptorProto,
            call.ResponseStream.Current.FileDescriptorResponse.FileDescriptorProto);
    }

    private static IEnumerable<FileDescriptorProto> Files(ServerReflectionResponse response) =>
        response.FileDescriptorResponse.FileDescriptorProto.Select(FileDescriptorProto.Parser.ParseFrom);

    private static IEnumerable<string> FileNames(ServerReflectionResponse response) =>
        Files(response).Select(file => file.Name);

    private async Task<ServerReflectionResponse> AskAsync(ServerReflectionRequest request)
    {
        using var call = new ServerReflection.ServerReflectionClient(server.Calls).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(request).InTimeAsync();
        Assert.True(await call.ResponseStream.MoveNext());
        return call.ResponseStream.Current;
    }
}
