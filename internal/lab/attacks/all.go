// Package attacks holds what is tried in the lab, one attack or legitimate flow a
// file, and the matrix that must come out.
package attacks

import (
	"context"
	_ "embed"

	"github.com/waxseal/waxseal/internal/lab"
)

// All returns the attacks in the order of the matrix, legitimate flows first in
// each group.
func All() []*lab.Attack {
	return []*lab.Attack{
		// Who sent it: SPF.
		spfLegit(), spfLegitESP(), spfForwarded(),
		spfSpoofedMailFrom(), spfOwnEnvelope(), spfHelo(), spfPlusAll(), spfSharedRange(),
		// DKIM.
		dkimForged(), dkimBodyChanged(), dkimSecondSubject(), dkimSecondFrom(), dkimLengthAppend(), dkimForeignDomain(),
		dkimReplay(), dkimWeakKey(), dkimRevokedKey(), dkimExpired(),
		// DMARC.
		dmarcSubdomain(), dmarcNoSuchSubdomain(), dmarcTwoAuthors(), dmarcPolicyNone(), dmarcPublicSuffix(),
		// ARC and results.
		arcTrustedList(), arcUnknownList(), arcHonestFail(), arcForgedChain(), arcOwnSeal(), arcChangedAfter(),
		headerForgedResults(), headerResultsInDomain(),
		// What authentication leaves open.
		beyondDisplayName(), beyondBoss(), beyondLookalike(), beyondReplyTo(), beyondSameESP(),
		// The names it rests on: DNS.
		dnsOwnGoal(), dnsReplacedKey(), dnsRemovedPolicy(), dnsStrippedSignatures(), dnsReplayedRecord(), dnsPoisonedMX(), dnsDeniedTLSA(),
		// The channel.
		tlsLegit(), tlsRolledKey(), tlsPassive(), tlsStripped(), tlsSelfSigned(), tlsRogueCA(), tlsUnsignedTLSA(), tlsFakeMX(),
		tlsPolicyBlocked(), tlsPolicyCached(), tlsForgedPolicy(), tlsWeakestDigest(), tlsOldVersion(), tlsRequireTLS(),
		smtpInjection(), smtpResponses(), smtpSmuggling(),
	}
}

//go:embed golden.txt
var golden string

// Golden returns the matrix that must come out.
func Golden() *lab.Golden { return lab.ParseGolden(golden) }

// opened is a Run on a stage whose servers run.
func opened(run func(ctx context.Context, s *lab.Stage) (lab.Result, error)) func(context.Context, *lab.Stage) (lab.Result, error) {
	return func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
		if err := s.Open(); err != nil {
			return lab.Result{}, err
		}
		return run(ctx, s)
	}
}

// arrived is the result of a message that was handed to the clinic.
func arrived(r *lab.Receipt, err error) (lab.Result, error) {
	if err != nil {
		return lab.Result{}, err
	}
	return r.Arrived(), nil
}

// legit is arrived for mail that should arrive.
func legit(r *lab.Receipt, err error) (lab.Result, error) {
	if err != nil {
		return lab.Result{}, err
	}
	return r.Legit(), nil
}

// crook sends a letter from the attacker's own host with his own reverse-path,
// for which SPF passes.
func crook(ctx context.Context, s *lab.Stage, raw []byte) (lab.Result, error) {
	return arrived(s.Inject(ctx, lab.CrookOut, "mail@"+lab.Crook, raw))
}

// fromBank is a message as the bank sends it, signed.
func fromBank(s *lab.Stage) ([]byte, error) {
	return s.World.Sign(s.World.Write(s.World.FromBank()), s.World.BankKeys()...)
}
