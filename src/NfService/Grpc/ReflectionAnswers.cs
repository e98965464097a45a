using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;
using Request = Grpc.Reflection.V1.ServerReflectionRequest.MessageRequestOneofCase;

namespace Nf.Service.Grpc;

/// <summary>One reflection request in, one response out. What is not found is an answer, not a failed call.</summary>
internal static class ReflectionAnswers
{
    internal static ServerReflectionResponse Answer(DescriptorCatalog catalog, ServerReflectionRequest request)
    {
        var response = new ServerReflectionResponse { ValidHost = request.Host, OriginalRequest = request };
        switch (request.MessageRequestCase)
        {
            case Request.ListServices:
                response.ListServicesResponse = Services(catalog);
                break;
            case Request.FileByFilename:
                Files(response, catalog.FileByName(request.FileByFilename), $"file \"{request.FileByFilename}\"");
                break;
            case Request.FileContainingSymbol:
                string symbol = request.FileContainingSymbol;
                Files(response, catalog.FileOf(symbol), $"symbol \"{symbol}\"");
                break;
            case Request.FileContainingExtension:
                ExtensionRequest wanted = request.FileContainingExtension;
                Files(
                    response,
                    catalog.FileOfExtension(wanted.ContainingType, wanted.ExtensionNumber),
                    $"extension {wanted.ExtensionNumber} of \"{wanted.ContainingType}\"");
                break;
            case Request.AllExtensionNumbersOfType:
                Extensions(response, catalog, request.AllExtensionNumbersOfType);
                break;
            default:
                Fail(response, StatusCode.InvalidArgument, "message_request is not set, or not one this server knows");
                break;
        }

        return response;
    }

    private static ListServiceResponse Services(DescriptorCatalog catalog)
    {
        var list = new ListServiceResponse();
        list.Service.AddRange(catalog.ServiceNames.Select(name => new ServiceResponse { Name = name }));
        return list;
    }

    private static void Files(ServerReflectionResponse response, FileDescriptor? file, string wanted)
    {
        if (file is null)
        {
            Fail(response, StatusCode.NotFound, $"{wanted} is not known");
            return;
        }

        response.FileDescriptorResponse = new FileDescriptorResponse();
        response.FileDescriptorResponse.FileDescriptorProto.AddRange(
            DescriptorCatalog.WithImports(file).Select(each => each.SerializedData));
    }

    private static void Extensions(ServerReflectionResponse response, DescriptorCatalog catalog, string type)
    {
        if (!catalog.HasMessage(type))
        {
            Fail(response, StatusCode.NotFound, $"message type \"{type}\" is not known");
            return;
        }

        response.AllExtensionNumbersResponse = new ExtensionNumberResponse { BaseTypeName = type };
        response.AllExtensionNumbersResponse.ExtensionNumber.AddRange(catalog.ExtensionNumbers(type));
    }

    private static void Fail(ServerReflectionResponse response, StatusCode code, string message) =>
        response.ErrorResponse = new ErrorResponse { ErrorCode = (int)code, ErrorMessage = message };
}
