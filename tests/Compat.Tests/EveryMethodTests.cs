using System.Reflection;
using System.Runtime.CompilerServices;
using Grpc.AspNetCore.Server;
using Grpc.Net.Client;

namespace Nf.Compat.Tests;

/// <summary>
/// Compiles every method of both official binaries: what the stand-ins lack is found here, not in production.
/// </summary>
public sealed class EveryMethodTests
{
    private const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic
        | BindingFlags.Instance | BindingFlags.Static;

    [Theory]
    [InlineData(typeof(GrpcServiceOptions), 500)]
    [InlineData(typeof(GrpcChannel), 1200)]
    public void OfficialAssembly_EveryMethod_Compiles(Type type, int atLeast)
    {
        var failures = new List<string>();
        int compiled = 0;
        foreach (Type candidate in type.Assembly.GetTypes())
        {
            Type closed = Representatives.Close(candidate);
            MethodBase[] methods = [.. closed.GetMethods(Declared), .. closed.GetConstructors(Declared)];
            foreach (MethodBase method in methods)
            {
                compiled += Compile(closed, method, failures) ? 1 : 0;
            }
        }

        Assert.Empty(failures);
        Assert.True(compiled >= atLeast, $"only {compiled} methods of {type.Assembly.GetName().Name} were compiled");
    }

    private static bool Compile(Type type, MethodBase method, List<string> failures)
    {
        // Without IL: abstract methods, delegates, and the calls into Windows that the client makes there only.
        if (method.GetMethodBody() is null)
        {
            return false;
        }

        try
        {
            Type[] arguments =
            [
                .. type.GetGenericArguments(),
                .. method.IsGenericMethod ? Representatives.For(method.GetGenericArguments()) : [],
            ];
            RuntimeHelpers.PrepareMethod(method.MethodHandle, [.. arguments.Select(argument => argument.TypeHandle)]);
            return true;
        }
        catch (Exception e) when (e is TypeLoadException or MissingMemberException or InvalidProgramException
            or FileNotFoundException or FileLoadException or BadImageFormatException)
        {
            failures.Add($"{type.FullName}.{method.Name}: {e.Message}");
            return false;
        }
    }
}
