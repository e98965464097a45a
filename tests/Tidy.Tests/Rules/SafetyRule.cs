using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Nf.Tidy.Tests.Rules;

/// <summary>
/// Every member under src/ that takes an unsafe step says why it holds, in a comment beginning "SAFETY:" inside the
/// member or directly above it. A step through a pointer field, and a one-line member, may rely on such a comment above
/// their type or above one of its fields.
/// </summary>
/// <remarks>
/// An unsafe step is: an unsafe block; a body behind an unsafe modifier of the member itself; dereferencing a pointer,
/// taking an address, fixed; and the calls in <see cref="UnsafeCalls"/>, which need no keyword yet trust the caller as
/// much.
/// </remarks>
internal static class SafetyRule
{
    private const string Marker = "SAFETY:";

    private static readonly HashSet<string> UnsafeCalls =
    [
        "Unsafe.As", "Unsafe.AsRef", "Unsafe.Add", "Unsafe.AddByteOffset", "Unsafe.Subtract", "Unsafe.Read",
        "Unsafe.ReadUnaligned", "Unsafe.Write", "Unsafe.WriteUnaligned", "Unsafe.AsPointer", "Unsafe.CopyBlock",
        "Unsafe.CopyBlockUnaligned", "Unsafe.InitBlock", "Unsafe.InitBlockUnaligned", "MemoryMarshal.CreateSpan",
        "MemoryMarshal.CreateReadOnlySpan", "MemoryMarshal.GetReference", "MemoryMarshal.GetArrayDataReference",
        "NativeMemory.Alloc", "NativeMemory.AlignedAlloc", "NativeMemory.Free", "NativeMemory.AlignedFree",
        "NativeMemory.Copy", "NativeMemory.Clear", "NativeMemory.Fill", "Buffer.MemoryCopy",
    ];

    internal static IEnumerable<Violation> Check(SourceFile file)
    {
        if (!file.IsCSharp || !file.IsUnder("src"))
        {
            yield break;
        }

        var found = new HashSet<SyntaxNode>();
        foreach (SyntaxNode step in file.Syntax.DescendantNodes().Where(IsUnsafeStep))
        {
            MemberDeclarationSyntax? member = step.AncestorsAndSelf().OfType<MemberDeclarationSyntax>()
                .FirstOrDefault(m => m is not BaseTypeDeclarationSyntax);
            if (member is not null && !IsExplained(file, member, step) && found.Add(member))
            {
                yield return file.At(step, $"an unsafe step without a \"{Marker}\" comment that says why it holds");
            }
        }
    }

    private static bool IsUnsafeStep(SyntaxNode node) => node switch
    {
        UnsafeStatementSyntax or FixedStatementSyntax => true,
        PrefixUnaryExpressionSyntax unary =>
            unary.IsKind(SyntaxKind.PointerIndirectionExpression) || unary.IsKind(SyntaxKind.AddressOfExpression),
        MemberAccessExpressionSyntax access => access.IsKind(SyntaxKind.PointerMemberAccessExpression),
        InvocationExpressionSyntax call => UnsafeCalls.Contains(CallName(call)),
        BaseMethodDeclarationSyntax method => method.Modifiers.Any(SyntaxKind.UnsafeKeyword) && HasBody(method),
        BasePropertyDeclarationSyntax property => property.Modifiers.Any(SyntaxKind.UnsafeKeyword),
        LocalFunctionStatementSyntax local => local.Modifiers.Any(SyntaxKind.UnsafeKeyword),
        _ => false,
    };

    // Private fields, and only they, begin with an underscore (.editorconfig).
    private static bool IsThroughField(SyntaxNode step)
    {
        SyntaxNode? operand = step switch
        {
            PrefixUnaryExpressionSyntax unary => unary.Operand,
            MemberAccessExpressionSyntax access => access,
            _ => null,
        };

        while (operand is MemberAccessExpressionSyntax inner)
        {
            operand = inner.Expression;
        }

        return operand is IdentifierNameSyntax name && name.Identifier.Text.StartsWith('_');
    }

    private static bool HasBody(BaseMethodDeclarationSyntax method) =>
        method.Body is not null || method.ExpressionBody is not null;

    private static string CallName(InvocationExpressionSyntax call) =>
        call.Expression is MemberAccessExpressionSyntax { Expression: IdentifierNameSyntax type } access
            ? $"{type.Identifier.Text}.{access.Name.Identifier.Text}"
            : string.Empty;

    private static bool IsExplained(SourceFile file, MemberDeclarationSyntax member, SyntaxNode step)
    {
        if (member.ToFullString().Contains(Marker, StringComparison.Ordinal))
        {
            return true;
        }

        bool oneLine = file.LineAt(member.SpanStart) == file.LineAt(member.Span.End);
        return (oneLine || IsThroughField(step)) && member.Ancestors().OfType<TypeDeclarationSyntax>().Any(IsExplained);
    }

    private static bool IsExplained(TypeDeclarationSyntax type) =>
        type.GetLeadingTrivia().ToFullString().Contains(Marker, StringComparison.Ordinal) ||
        type.Members.OfType<FieldDeclarationSyntax>()
            .Any(f => f.ToFullString().Contains(Marker, StringComparison.Ordinal));
}
