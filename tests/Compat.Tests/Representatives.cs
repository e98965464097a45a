using System.Reflection;
using Nf.Compat.Tests.Protocol;
using Nf.Compat.Tests.Server;

namespace Nf.Compat.Tests;

/// <summary>Picks a type for each generic parameter, so that open types and methods can be compiled.</summary>
internal static class Representatives
{
    // In the order of preference; what none of them fits gets the very type it is constrained to.
    private static readonly Type[] Candidates =
    [
        typeof(EchoRequest), typeof(EchoService), typeof(KindInterceptor), typeof(int),
    ];

    /// <summary>The type itself, or closed over representatives.</summary>
    internal static Type Close(Type type) =>
        type.IsGenericTypeDefinition ? type.MakeGenericType(For(type.GetGenericArguments())) : type;

    /// <summary>One type for each parameter.</summary>
    internal static Type[] For(Type[] parameters) => [.. parameters.Select(For)];

    private static Type For(Type parameter) =>
        Candidates.Concat(parameter.GetGenericParameterConstraints())
            .FirstOrDefault(candidate => Fits(candidate, parameter))
        ?? throw new InvalidOperationException($"no representative for {parameter} of {parameter.DeclaringType}");

    private static bool Fits(Type candidate, Type parameter)
    {
        GenericParameterAttributes wants = parameter.GenericParameterAttributes;
        return !(wants.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint) && candidate.IsValueType)
            && !(wants.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint) && !candidate.IsValueType)
            && parameter.GetGenericParameterConstraints()
                .Where(constraint => !constraint.ContainsGenericParameters && constraint != typeof(ValueType))
                .All(constraint => constraint.IsAssignableFrom(candidate));
    }
}
