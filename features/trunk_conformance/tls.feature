@trunk_conformance
Feature: The trunk as the provider runs it
  Meta's own trunk speaks TLS and SRTP only and is strict about routes. A PBX that is not will work on an easier trunk
  and never get a call from this one.

  Rule: TLS

    @req.T01 @req.T02 @req.T03 @req.T57 @req.RFC3261-18.2.2 @req.RFC3261-26.3.2.1
    Scenario: The trunk's call comes in over TLS
      Given the trunk speaks TLS with the PBX
      And the support line is open with 1 agent ready
      And a customer
      When the customer calls the support number
      Then the call is answered
      And the PBX has kept the trunk's rules

    @req.T04 @req.T49
    Scenario: The PBX ends a call over TLS
      Given the trunk speaks TLS with the PBX
      And a customer in conversation with an agent
      When the agent hangs up
      Then both sides of the call have ended
      And the PBX's BYE came over TLS
      And the PBX has kept the trunk's rules

  Rule: Routes

    @req.T19 @req.T20 @req.RFC3261-8.2.6.2-a @req.RFC3261-12.1.1-a @req.RFC3261-12.2.1.1-a
    Scenario: The PBX keeps the trunk's recorded route
      Given the trunk records a route
      And a customer in conversation with an agent
      Then the PBX has kept the trunk's rules
      When the agent hangs up
      Then both sides of the call have ended
      And the PBX has kept the trunk's rules

  Rule: Media

    @req.T30 @req.T37 @req.T43 @req.RFC4568-5.1.3 @req.RFC4568-6.1
    Scenario: The PBX encrypts as the trunk offers
      Given the trunk's media are encrypted
      And the support line is open with 1 agent ready
      And a customer
      When the customer calls the support number
      Then the call is answered
      And the PBX's answer is encrypted as offered
      And an agent's phone rings
      When the agent answers
      Then the customer and the agent hear each other
