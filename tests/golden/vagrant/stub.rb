# frozen_string_literal: true

# Evaluates the Vagrantfile without Vagrant, and prints what each provider would get: {provider: {machine: {setting:
# value}}}. With FIRE=up or FIRE=destroy the triggers of this action are run too, on machines that show $HOST_KEY.
require "json"

# Notes every setting and call below the name by which it was reached.
class Recorder
  def initialize(log, path, provider, machines)
    @log = log
    @path = path
    @provider = provider
    @machines = machines
  end

  def method_missing(name, *args, **options, &block)
    place = [@path, name.to_s.delete_suffix("=")].reject(&:empty?).join(".")
    if name == :define
      log = @log.dup
      @machines[args.first] = log
      block.call(Recorder.new(log, "", @provider, @machines))
    elsif name == :provider
      own, override = ["provider", ""].map { |path| Recorder.new(@log, path, @provider, @machines) }
      block.call(own, override) if args.first.to_s == @provider
    elsif block && args.any?
      block.call(Recorder.new(@log, "#{place} #{args.first}", @provider, @machines))
    elsif block
      @log[place] = "a block"
      block.call(nil, FakeMachine.new) if place == "trigger.after #{ENV['FIRE']}.ruby"
    elsif name == :[]=
      @log["#{@path}[#{args.first}]"] = args.last
    elsif name.to_s.end_with?("=")
      @log[place] = args.first
    elsif args.empty? && options.empty?
      Recorder.new(@log, place, @provider, @machines)
    else
      @log[place] = (@log[place] || []) + [args + (options.empty? ? [] : [options])]
    end
  end

  def respond_to_missing?(*)
    true
  end
end

# A machine that obeys, and shows one host key.
class FakeMachine
  def communicate = self

  def sudo(script) = warn(script)

  def execute(_command) = yield(:stdout, "#{ENV['HOST_KEY']} root@machine\n")
end

module Vagrant
  module Errors
    # As Vagrant's own: a message that a class states.
    class VagrantError < StandardError
      def self.error_message(text) = define_method(:message) { text }
    end
  end

  def self.require_version(*) = nil

  def self.configure(_version)
    $machines = {}
    yield Recorder.new({}, "", $provider, $machines)
  end
end

file, *providers = ARGV
found = providers.to_h do |provider|
  $provider = provider
  load file
  [provider, $machines]
end
puts JSON.pretty_generate(found)
