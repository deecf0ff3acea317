#include <pp/abi.h>
#include <pp/assert.h>
#include <pp/hash.h>

#include <inttypes.h>
#include <stdio.h>

static const char *const function_names[] = {
#define X(upper, name, arguments) [PP_ABI_##upper] = name,
    PP_ABI_FUNCTIONS(X)
#undef X
};

static const char *const function_signatures[] = {
#define X(upper, name, arguments) [PP_ABI_##upper] = name arguments,
    PP_ABI_FUNCTIONS(X)
#undef X
};

static const char *const event_names[] = {
#define X(upper, name, arguments, indexed) [PP_LOG_##upper] = name,
    PP_ABI_EVENTS(X)
#undef X
};

static const char *const event_signatures[] = {
#define X(upper, name, arguments, indexed) [PP_LOG_##upper] = name arguments,
    PP_ABI_EVENTS(X)
#undef X
};

static const char *const error_signatures[] = {
    "AnnexMismatch(address,address)",
    "BatchProofInvalid(bytes32,bytes32)",
    "CapBelowVested(uint32,uint256,uint96)",
    "CapNotLowered(uint32,uint64,uint96)",
    "CapNotRaised(uint32,uint64,uint64)",
    "CapsExceedDeposit(uint256,uint256)",
    "ChannelNotClosing(bytes32,uint8)",
    "ChannelNotLive(bytes32,uint8)",
    "ChannelNotOpen(bytes32,uint8)",
    "CloseTooEarly(uint64,uint64)",
    "DelegateExpired(uint64,uint64)",
    "DelegateLaneMismatch(uint32,uint32)",
    "DelegateLimitExceeded(uint96,uint96)",
    "DelegateRevokedAlready(uint64)",
    "InvalidSignature(address,address)",
    "LaneNotFinal(uint32,uint64,uint96)",
    "LaneNotHeld(uint32)",
    "LanesNotAscending(uint32,uint32)",
    "LeafProofInvalid(bytes32,bytes32)",
    "LengthMismatch(uint256,uint256)",
    "NodeIdOutOfRange(uint32)",
    "NotHigher(uint96,uint96)",
    "NotPayer(address,address)",
    "NothingOwed(uint64,uint64,uint128)",
    "NothingToClaim(uint128,uint128)",
    "OperatorChangeTooEarly(uint64,uint64)",
    "OperatorKeyUsed(address,uint32)",
    "OperatorNotActive(uint32,uint8)",
    "OperatorSetMismatch(bytes32,bytes32)",
    "OperatorSetRetired(uint64,uint64)",
    "OperatorStateUnexpected(uint32,uint8)",
    "ParameterStepTooLarge(bytes32,uint256,uint256)",
    "ParametersNotPending()",
    "ParametersPending(uint64)",
    "ParametersTooEarly(uint64,uint64)",
    "PayeeMismatch(address,address)",
    "PayoutBreakerOpen(uint64,uint64)",
    "PayoutProofInvalid(bytes32,bytes32)",
    "PayoutTotalMismatch(uint128,uint128)",
    "PoolExceeded(uint256,uint256)",
    "ProtocolShareTooHigh(uint16,uint16)",
    "QuorumMissing(uint256,uint256,uint256)",
    "RefundMissing(uint96,uint96)",
    "ReleaseStale(uint32,uint64,uint96,uint64,uint64)",
    "ReportBlockInFuture(uint64,uint64)",
    "ReportBlockNotNewer(uint64,uint64)",
    "ReportEndTimeInFuture(uint64,uint64)",
    "ReportEndTimeNotNewer(uint64,uint64)",
    "ReportEpochInFuture(uint64,uint64)",
    "ReportEpochNotNewer(uint64,uint64)",
    "ReportIsRevoked(bytes32)",
    "ReportNotLast(bytes32,bytes32)",
    "ReportNotVested(uint64,uint64)",
    "ReportPreviousMismatch(bytes32,bytes32)",
    "ReportSuperseded(uint64,uint64)",
    "ReportTooOld(uint64,uint64)",
    "ReportUnknown(bytes32)",
    "ReportVestedAlready(uint64,uint64)",
    "StakeLanesOpen(uint32,uint48)",
    "StakeLocked(uint64,uint64)",
    "ThawNotPending(uint32)",
    "ThawPending(uint32,uint64)",
    "ThawTooEarly(uint64,uint64)",
    "TimerOutOfRange(bytes32,uint256,uint256,uint256)",
    "TimersInconsistent(uint256,uint256)",
    "TokenDecimalsUnsupported(uint8,uint8,uint8)",
    "TooManyOperators(uint256)",
    "TransferMismatch(uint256,uint256)",
    "WrongNonce(uint64,uint64)",
    "ZeroAddress(bytes32)",
    "ZeroAmount(bytes32)",
};
#define ERROR_COUNT (sizeof error_signatures / sizeof error_signatures[0])

/* What a token may say on the way (ERC-6093), and the contract's libraries. */
static const char *const foreign_errors[] = {
    "ERC20InsufficientBalance(address,uint256,uint256)",
    "ERC20InsufficientAllowance(address,uint256,uint256)",
    "SafeERC20FailedOperation(address)",
    "ReentrancyGuardReentrantCall()",
    "ECDSAInvalidSignature()",
    "Panic(uint256)",
};

static void text_hash(const char *text, struct pp_hash *out)
{
    pp_keccak256((const uint8_t *)text, strlen(text), out->bytes);
}

const char *pp_abi_function_name(enum pp_abi_function function)
{
    PP_ASSERT(function < PP_ABI_FUNCTION_COUNT);
    return function_names[function];
}

const char *pp_abi_function_signature(enum pp_abi_function function)
{
    PP_ASSERT(function < PP_ABI_FUNCTION_COUNT);
    return function_signatures[function];
}

void pp_abi_selector(enum pp_abi_function function, uint8_t out[4])
{
    struct pp_hash hash;
    text_hash(pp_abi_function_signature(function), &hash);
    memcpy(out, hash.bytes, 4);
}

const char *pp_abi_event_name(enum pp_abi_event event)
{
    PP_ASSERT(event < PP_LOG_COUNT);
    return event_names[event];
}

const char *pp_abi_event_signature(enum pp_abi_event event)
{
    PP_ASSERT(event < PP_LOG_COUNT);
    return event_signatures[event];
}

void pp_abi_topic(enum pp_abi_event event, struct pp_hash *out)
{
    text_hash(pp_abi_event_signature(event), out);
}

const char *pp_skip_reason_name(enum pp_skip_reason reason)
{
    switch (reason) {
    case PP_SKIP_NONE:
        return "NONE";
    case PP_SKIP_CHANNEL_UNKNOWN:
        return "CHANNEL_UNKNOWN";
    case PP_SKIP_CHANNEL_CLOSED:
        return "CHANNEL_CLOSED";
    case PP_SKIP_BAD_PROOF:
        return "BAD_PROOF";
    case PP_SKIP_REFUND_SIGNATURE:
        return "REFUND_SIGNATURE";
    case PP_SKIP_REFUND_MISSING:
        return "REFUND_MISSING";
    case PP_SKIP_VOUCHER_SIGNATURE:
        return "VOUCHER_SIGNATURE";
    case PP_SKIP_NO_CHANGE:
        return "NO_CHANGE";
    }
    return "UNKNOWN";
}

/* ---- reverts ---- */

const char *pp_abi_error_signature(unsigned index)
{
    return index < ERROR_COUNT ? error_signatures[index] : NULL;
}

static const char *error_find_in(const char *const *signatures, size_t count, const uint8_t selector[4])
{
    for (size_t i = 0; i < count; i++) {
        struct pp_hash hash;
        text_hash(signatures[i], &hash);
        if (memcmp(hash.bytes, selector, 4) == 0)
            return signatures[i];
    }
    return NULL;
}

static const char *error_find(const uint8_t selector[4])
{
    const char *own = error_find_in(error_signatures, ERROR_COUNT, selector);
    return own ? own
               : error_find_in(foreign_errors, sizeof foreign_errors / sizeof foreign_errors[0], selector);
}

/* Appends to a text that is cut, never overrun. */
struct text {
    char *out;
    size_t capacity;
    size_t length;
};

static void text_add(struct text *text, const char *part, size_t length)
{
    size_t room = text->capacity - 1 - text->length;
    length = length < room ? length : room;
    memcpy(text->out + text->length, part, length);
    text->length += length;
    text->out[text->length] = '\0';
}

/* A number where it is below 2^64, else hex without leading zeros. */
static void text_add_word(struct text *text, const uint8_t word[PP_ABI_WORD])
{
    char digits[2 * PP_ABI_WORD + 3];
    size_t first = 0;
    while (first < PP_ABI_WORD && word[first] == 0)
        first++;
    if (first >= PP_ABI_WORD - 8) {
        uint64_t value = 0;
        for (size_t i = first; i < PP_ABI_WORD; i++)
            value = value << 8 | word[i];
        snprintf(digits, sizeof digits, "%" PRIu64, value);
    } else {
        memcpy(digits, "0x", 3);
        pp_hex_print(word + first, PP_ABI_WORD - first, digits + 2);
    }
    text_add(text, digits, strlen(digits));
}

/* Error(string), as require(...) with a text gives it: only printable characters are shown. */
static bool text_add_string(struct text *text, const uint8_t *data, size_t length)
{
    static const uint8_t selector[4] = {0x08, 0xc3, 0x79, 0xa0};
    if (length < 4 + 2 * PP_ABI_WORD || memcmp(data, selector, 4) != 0)
        return false;
    const uint8_t *size = data + 4 + PP_ABI_WORD;
    size_t characters = (size_t)size[30] << 8 | size[31];
    size_t room = length - 4 - 2 * PP_ABI_WORD;
    characters = characters < room ? characters : room;
    for (size_t i = 0; i < characters; i++) {
        char c = (char)size[PP_ABI_WORD + i];
        text_add(text, c >= 0x20 && c < 0x7f ? &c : "?", 1);
    }
    return true;
}

char *pp_abi_error_print(const uint8_t *data, size_t length, char *out, size_t capacity)
{
    PP_ASSERT(capacity > 0);
    struct text text = {out, capacity, 0};
    out[0] = '\0';
    if (length < 4) {
        text_add(&text, "no reason given", 15);
        return out;
    }
    if (text_add_string(&text, data, length))
        return out;
    const char *signature = error_find(data);
    if (!signature) {
        char hex[9];
        text_add(&text, "unknown error 0x", 16);
        text_add(&text, pp_hex_print(data, 4, hex), 8);
        return out;
    }
    text_add(&text, signature, strcspn(signature, "("));
    text_add(&text, "(", 1);
    for (size_t at = 4; at + PP_ABI_WORD <= length; at += PP_ABI_WORD) {
        if (at > 4)
            text_add(&text, ", ", 2);
        text_add_word(&text, data + at);
    }
    text_add(&text, ")", 1);
    return out;
}
